"""Recalibration of anyone's maps: fitted on folders of 8-bit maps and masks, applied to others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from aslp_lib.data.images import read_map
from aslp_lib.data.listing import find_images
from aslp_lib.files import whole_folder, write
from aslp_lib.metrics.counts import MAP_GREY_LEVELS, Counts
from aslp_lib.prediction.maps import ReadOptions, count_folders
from aslp_lib.prediction.predict import to_png
from aslp_lib.recalibration import RECALIBRATIONS, ImageRecalibration, Recalibration

ON_MAPS = tuple(k for k, kind in RECALIBRATIONS.items() if not issubclass(kind, ImageRecalibration))
"""Recalibrations that need no more than maps."""
ON_CORRUPTED = tuple(k for k in ON_MAPS if RECALIBRATIONS[k].fits_corrupted)
"""Those that are fitted on maps of corrupted images too."""


def fit_on_maps(
    kind: str, pairs: Sequence[tuple[Path, Path]], *, progress: bool = True
) -> tuple[Recalibration, Counts]:
    """A recalibration fitted on 8-bit maps, and the counts of the first pair.

    Args:
        kind: one of ON_MAPS.
        pairs: folders of maps and of masks, of clean images; and of corrupted ones, for kinds of
            ON_CORRUPTED.

    Raises:
        FileNotFoundError, ValueError: as `count_folders`, and `Recalibration.fit`; no pairs, or
            more than the kind takes.
    """
    if not pairs or (len(pairs) > 1 and kind not in ON_CORRUPTED):
        raise ValueError(
            f"{kind} is fitted on one folder of maps, not on {len(pairs)}: those of corrupted "
            f"images too take {', '.join(ON_CORRUPTED)}"
        )
    reading = ReadOptions(weighted_f=False)
    clean, *corrupted = (count_folders(*pair, reading, progress=progress) for pair in pairs)
    fitted = RECALIBRATIONS[kind]()
    more = (corrupted,) if kind in ON_CORRUPTED else ()
    return fitted.fit(clean, *more), clean


def change_maps(change: Recalibration, maps: Path, out: Path, *, progress: bool = True) -> int:
    """Write what a recalibration makes of a folder of 8-bit maps, `out/STEM.png`; returns how many.

    Each grey level goes to one other, so that eight bits stay eight. The folder appears when it is
    whole.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no maps; a damaged or coloured one, named.
        OSError: `out` is there and is not an empty folder, or cannot be written.
    """
    paths = find_images(maps)
    if not paths:
        raise ValueError(f"there are no maps in {maps}: put STEM.png there, 8-bit greyscale")

    def one(stem: str) -> None:
        before = read_map(paths[stem])
        table = np.zeros((1, 2, MAP_GREY_LEVELS), np.int64)
        table[0, 0] = np.bincount(before.ravel(), minlength=MAP_GREY_LEVELS)  # labels do not matter
        moved = change.recalibrated_grey_levels(Counts(table)).reshape(-1)
        write(partial / f"{stem}.png", to_png(moved.astype(np.uint8)[before]))

    names = [f"{stem}.png" for stem in paths]
    with whole_folder(out, names) as partial, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        written = pool.map(one, paths)
        bar = tqdm(written, total=len(paths), desc="maps", disable=not progress, leave=False)
        return sum(1 for _ in bar)
