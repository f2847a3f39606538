"""Folders of 8-bit maps, read against masks into counts: one pass, in about the time to decode."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm.auto import tqdm

from aslp_lib.data.images import Grey, read_map, read_mask
from aslp_lib.data.listing import find_images, refuse
from aslp_lib.metrics.counts import Counts, min_max

if TYPE_CHECKING:
    from aslp_lib.data.base import SaliencySet

WEIGHTED_F = importlib.util.find_spec("py_sod_metrics") is not None
"""Whether weighted F can be measured: it takes the optional extra `saliency` (PySODMetrics)."""

STRETCHED = "maps were stretched to the full range: not the network's confidences"
"""What must be said of scores of min-max-normalised maps."""


@dataclass(frozen=True)
class ReadOptions:
    """How maps and masks are read.

    Args:
        min_max: stretch every map to the full range first, as the release did; no longer the
            network's confidences.
        weighted_f: measure weighted F too, about ten times as slow as all the rest.
        grey: as `read_mask`.
        allow_missing: leave masks without a map out instead of refusing; maps without a mask are
            always refused.
        num_workers: threads, at least 1; None: one a processor.
    """

    min_max: bool = False
    weighted_f: bool = WEIGHTED_F
    grey: Grey = "refuse"
    allow_missing: bool = False
    num_workers: int | None = None

    def __post_init__(self) -> None:
        if self.num_workers is not None and self.num_workers < 1:
            raise ValueError(f"num_workers is {self.num_workers}, but must be at least 1, or None")


AS_IT_IS = ReadOptions()


def count_maps(
    maps: Path, dataset: SaliencySet, reading: ReadOptions = AS_IT_IS, *, progress: bool = True
) -> Counts:
    """Counts of a folder of 8-bit maps `STEM.png` against a set's masks.

    Raises:
        ValueError: maps that are missing, not grey, damaged, or not of their mask's
            size; names them.
    """
    paths = {stem: Path(maps) / f"{stem}.png" for stem in dataset.stems}
    missing = {stem for stem, path in paths.items() if not path.is_file()}
    refuse(f"maps of {dataset.name} missing from {maps} (the command predict makes them)", missing)
    return _count(paths, dataset.mask, reading, dataset.name, progress)


def count_folders(
    maps: Path, masks: Path, reading: ReadOptions = AS_IT_IS, *, progress: bool = True
) -> Counts:
    """Counts of anyone's maps: two folders, files matched by stem, in the order of the stems.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no maps, files that do not match, damaged ones, sizes that differ; names them.
    """
    predicted, labelled_by = find_images(Path(maps)), find_images(Path(masks))
    if not predicted:
        raise ValueError(f"there are no maps in {maps}: put STEM.png there, 8-bit greyscale")
    refuse(f"maps in {maps} without a mask in {masks}", predicted.keys() - labelled_by.keys())
    if not reading.allow_missing:
        refuse(
            f"masks in {masks} without a map in {maps} (--allow-missing leaves them out)",
            labelled_by.keys() - predicted.keys(),
        )
    stems = sorted(predicted)

    def mask(index: int) -> np.ndarray:
        return read_mask(labelled_by[stems[index]], reading.grey)

    return _count({s: predicted[s] for s in stems}, mask, reading, Path(maps).name, progress)


def _count(
    paths: dict[str, Path],
    mask: Callable[[int], np.ndarray],
    reading: ReadOptions,
    name: str,
    progress: bool,
) -> Counts:
    """Counts of map files by stem against `mask(index)`, read in parallel."""
    stems = list(paths)

    def count(index: int) -> Counts:
        path = paths[stems[index]]
        labels, prediction = mask(index), read_map(path)
        if reading.min_max:
            prediction = min_max(prediction)
        try:
            counted = Counts.from_map(prediction, labels)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if reading.weighted_f:
            return replace(counted, weighted_f=np.array([weighted_f(prediction, labels)]))
        return counted

    workers = reading.num_workers or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        # One worker is this thread: handing work over costs more than it gives.
        parts = (pool.map if workers > 1 else map)(count, range(len(stems)))
        bar = tqdm(parts, f"maps of {name}", len(stems), disable=not progress, leave=False)
        return replace(Counts.join(list(bar)), names=tuple(stems))


def weighted_f(prediction: np.ndarray, mask: np.ndarray) -> float:
    """Weighted F of one map (Margolin et al., CVPR 2014), by PySODMetrics; NaN without foreground.

    Args:
        prediction: (H, W) uint8.
        mask: (H, W), 0 or 1.
    """
    if not mask.any():
        return float("nan")
    from py_sod_metrics import WeightedFmeasure

    return float(WeightedFmeasure().cal_wfm(prediction / 255, mask.astype(bool)))
