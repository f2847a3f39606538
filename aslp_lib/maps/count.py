"""Counts of folders of 8-bit maps against their masks, about as fast as decoding the files."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from aslp_lib.checks import require
from aslp_lib.maps.listing import find_images, refuse
from aslp_lib.maps.read import Grey, read_map, read_mask
from aslp_lib.maps.write import min_max
from aslp_lib.metrics.counts import Counts

WEIGHTED_F = importlib.util.find_spec("py_sod_metrics") is not None
"""Whether weighted F can be measured. It needs PySODMetrics (the optional extra `saliency`)."""

STRETCHED = "maps were stretched to the full range: not the network's confidences"
"""Note that accompanies every score of min-max-normalised maps."""


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading maps and masks.

    >>> ReadOptions(weighted_f=False).min_max
    False

    Args:
        min_max: stretch every map to the full range first, as the release did. This changes the
            network's confidences.
        weighted_f: measure weighted F too, which takes about ten times as long as everything else.
        grey: treatment of masks that are not binary, see `read_mask`.
        allow_missing: leave out masks without a map instead of refusing them. Maps without a mask
            are always refused.
        num_workers: number of threads, at least 1; None for one per processor.

    Raises:
        ValueError: `num_workers` is less than 1.
    """

    min_max: bool = False
    weighted_f: bool = WEIGHTED_F
    grey: Grey = "refuse"
    allow_missing: bool = False
    num_workers: int | None = None

    def __post_init__(self) -> None:
        valid = self.num_workers is None or self.num_workers >= 1
        expected = "at least 1, or None for one per processor."
        require("num_workers", self.num_workers, valid, expected)


AS_IT_IS = ReadOptions()
"""Default options: maps are counted as they are."""


def count_folders(
    maps: Path, masks: Path, reading: ReadOptions = AS_IT_IS, *, progress: bool = True
) -> Counts:
    """Count the pixels of a folder of 8-bit maps against a folder of masks.

    Files are matched by stem, and the images are in the order of their stems.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     maps, masks = Path(folder, "maps"), Path(folder, "masks")
    ...     for path in (maps, masks):
    ...         path.mkdir()
    ...         Image.new("L", (4, 2), 255).save(path / "image.png")
    ...     counts = count_folders(maps, masks, ReadOptions(weighted_f=False), progress=False)
    >>> counts.names, counts.pixels
    (('image',), 8)

    Args:
        maps: folder of the maps.
        masks: folder of the masks.
        reading: how maps and masks are read.
        progress: show a progress bar.

    Raises:
        FileNotFoundError: a folder does not exist.
        ValueError: there are no maps, stems do not match, files are damaged, or sizes differ; the
            message names the files.
    """
    map_files, mask_files = find_maps(Path(maps)), find_images(Path(masks))
    refuse(f"maps in {maps} without a mask in {masks}", map_files.keys() - mask_files.keys())
    if not reading.allow_missing:
        refuse(
            f"masks in {masks} without a map in {maps} (--allow-missing leaves them out)",
            mask_files.keys() - map_files.keys(),
        )
    stems = list(map_files)

    def mask(index: int) -> np.ndarray:
        return read_mask(mask_files[stems[index]], reading.grey)

    return count_files(map_files, mask, reading, name=Path(maps).name, progress=progress)


def find_maps(folder: Path) -> dict[str, Path]:
    """Find the maps of a folder: stem -> file, in the order of the stems.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: there are no maps.
    """
    if not (maps := find_images(folder)):
        raise ValueError(f"there are no maps in {folder}; expected 8-bit greyscale files STEM.png.")
    return dict(sorted(maps.items()))


def count_files(
    paths: Mapping[str, Path],
    mask: Callable[[int], np.ndarray],
    reading: ReadOptions = AS_IT_IS,
    *,
    name: str = "",
    progress: bool = True,
) -> Counts:
    """Count the pixels of map files against masks, in several threads.

    Args:
        paths: stem -> map.
        mask: function from the position of a map to its mask (H, W) of 0 and 1.
        reading: how maps and masks are read.
        name: name of the set, for the progress bar.
        progress: show a progress bar.

    Raises:
        ValueError: a map is not grey, is damaged, or has another size than its mask; the message
            names it.
    """

    def count(index: int, path: Path) -> Counts:
        labels, prediction = mask(index), read_map(path)
        if reading.min_max:
            prediction = min_max(prediction)
        try:
            counts = Counts.from_map(prediction, labels)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if reading.weighted_f:
            return counts.with_columns(weighted_f=[weighted_f(prediction, labels)])
        return counts

    workers = reading.num_workers or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        # With one worker, this thread counts: handing the work over would cost more than it gains.
        parts = (pool.map if workers > 1 else map)(count, range(len(paths)), paths.values())
        bar = tqdm(parts, f"maps of {name}", len(paths), disable=not progress, leave=False)
        return Counts.join(list(bar)).with_columns(names=list(paths))


def weighted_f(prediction: np.ndarray, mask: np.ndarray) -> float:
    """Compute the weighted F-measure of one map (Margolin et al., CVPR 2014) with PySODMetrics.

    It is NaN if the mask has no foreground.

    >>> weighted_f(np.uint8([[255, 0]]), np.uint8([[0, 0]]))
    nan

    Args:
        prediction: (H, W) uint8 map.
        mask: (H, W) mask of 0 and 1.
    """
    if not mask.any():
        return float("nan")
    from py_sod_metrics import WeightedFmeasure

    return float(WeightedFmeasure().cal_wfm(prediction / 255, mask.astype(bool)))
