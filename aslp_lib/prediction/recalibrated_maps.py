"""Recalibration of folders of maps, fitted on maps and masks and applied to other maps."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from aslp_lib.checks import require_predictions
from aslp_lib.files import whole_folder, write
from aslp_lib.maps.classes import require_class_values
from aslp_lib.maps.count import (
    ReadOptions,
    count_folders,
    find_files,
    matched_files,
    open_predictions,
    require_ignored,
    require_one_kind,
)
from aslp_lib.maps.read import IGNORED
from aslp_lib.maps.slabs import Slabs, write_slabs
from aslp_lib.maps.write import to_npy, to_png
from aslp_lib.metrics.calibration import nll
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.float_levels import finite_logits
from aslp_lib.recalibration import RECALIBRATIONS, Recalibration
from aslp_lib.recalibration.classes import ClassRecalibration
from aslp_lib.recalibration.recalibration import preserve_decisions

ON_MAPS = tuple(k for k, kind in RECALIBRATIONS.items() if kind.needs != "images")
"""Names of the recalibrations that need only maps, and neither images nor a network."""
ON_CORRUPTED = tuple(k for k in ON_MAPS if RECALIBRATIONS[k].fits_corrupted)
"""Names of the recalibrations in `ON_MAPS` that can be fitted on maps of corrupted images too."""


def fit_on_maps(
    unfitted: Recalibration,
    pairs: Sequence[tuple[Path, Path]],
    reading: ReadOptions = ReadOptions(weighted_f=False),  # noqa: B008 - it is frozen
    valid: Path | None = None,
) -> tuple[Recalibration, Any, Any]:
    """Fit a recalibration on folders of maps and masks.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     maps, masks = Path(folder, "maps"), Path(folder, "masks")
    ...     for path, grey_levels in ((maps, [220, 220, 35, 35]), (masks, [255, 0, 0, 0])):
    ...         path.mkdir()
    ...         Image.fromarray(np.uint8([grey_levels])).save(path / "image.png")
    ...     pairs = [(maps, masks)]
    ...     kind = RECALIBRATIONS["temperature_scaling"]
    ...     temperature, before, after = fit_on_maps(kind(), pairs)
    >>> bool(temperature.value > 1), nll(after) < nll(before)  # confidence 86 %, accuracy 75 %
    (True, True)

    Args:
        unfitted: the recalibration, of a kind in `ON_MAPS`, or with classes one for K classes.
        pairs: folders of maps and of their masks. The first pair has clean images; kinds in
            `ON_CORRUPTED` accept further pairs, of corrupted images.
        reading: how maps and masks are read.
        valid: folder of masks of the pixels to count, of every pair; None to count all.

    Returns:
        The fitted recalibration, the counts of the first pair, and those of its recalibrated maps
        as `change_maps` would write them. If these have a larger NLL, because their data type
        rounds them, the recalibration is the identity. It is kept if it was fitted to corrupted
        images too, because it may then raise the NLL of clean ones.

    Raises:
        FileNotFoundError: a folder does not exist.
        ValueError: there are no pairs, or more than the kind accepts; or maps cannot be used, see
            `count_folders` and `Recalibration.fit`.
    """
    if not pairs or (len(pairs) > 1 and not unfitted.fits_corrupted):
        raise ValueError(
            f"there are {len(pairs)} folders of maps; expected one, because {unfitted.name} is "
            f"fitted to one set. Only {', '.join(ON_CORRUPTED)} use folders of corrupted images "
            "too."
        )
    clean, *corrupted = (count_folders(*pair, reading, valid=valid) for pair in pairs)
    require_ignored([clean, *corrupted], reading)
    fitted: Recalibration
    if reading.classes and isinstance(unfitted, ClassRecalibration):
        batches = partial(labelled_maps, *pairs[0], reading, valid)
        fitted = unfitted.fit_classes(batches, IGNORED)
    else:
        fitted = unfitted.fit(clean, corrupted)
    changed = partial(changed_slabs, fitted, logits=reading.logits)
    after = count_folders(*pairs[0], reading, valid=valid, change=changed)
    if nll(after) > nll(clean) and not (corrupted or fitted.needs_dose):
        return fitted.identity(), clean, clean
    return fitted, clean, after


def labelled_maps(
    maps: Path, masks: Path, reading: ReadOptions, valid: Path | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the logits (1, K, ...) and class ids (1, ...) of a folder of maps, file by file.

    Args:
        maps, masks, reading, valid: see `count_folders`.
    """
    paths, mask, _ = matched_files(maps, masks, reading, valid)
    for index, path in enumerate(paths.values()):
        values, labels = next(open_predictions(path, reading).parts), mask(index).whole()
        values = values if reading.logits else _log_probabilities(values)
        yield torch.from_numpy(values)[None], torch.from_numpy(labels)[None]


def _log_probabilities(values: np.ndarray) -> np.ndarray:
    """Return the logarithms of probabilities, of which 0 stands for the smallest positive one."""
    dtype = np.promote_types(values.dtype, np.float32)
    logarithms: np.ndarray = np.log(np.maximum(values.astype(dtype), np.finfo(dtype).tiny))
    return logarithms


def change_maps(
    change: Recalibration,
    maps: Path,
    out: Path,
    reading: ReadOptions = ReadOptions(),  # noqa: B008 - it is frozen
) -> int:
    """Apply a recalibration to a folder of maps and write the results to another folder.

    What is written has the kind of what was read, see `changed_slabs`: 8-bit maps become
    `out/STEM.png`, floats keep their format, and maps of K classes become float32 arrays,
    `out/STEM.npy`. The folder `out` appears when it is complete.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from aslp_lib.maps.read import read_map
    >>> from aslp_lib.recalibration import Temperature
    >>> with TemporaryDirectory() as folder:
    ...     maps, out = Path(folder, "maps"), Path(folder, "recalibrated")
    ...     maps.mkdir()
    ...     Image.fromarray(np.uint8([[204, 51]])).save(maps / "image.png")
    ...     number = change_maps(Temperature(2.0), maps, out)
    ...     grey_levels = read_map(out / "image.png").tolist()
    >>> number, grey_levels  # probability 0.8 becomes sqrt(0.8) / (sqrt(0.8) + sqrt(0.2)) = 2/3
    (1, [[170, 85]])

    Args:
        change: the fitted recalibration.
        maps: folder of the maps.
        out: folder to make.
        reading: how maps are read.

    Returns:
        The number of maps.

    Raises:
        FileNotFoundError: the folder of maps does not exist.
        ValueError: there are no maps, a map is damaged or coloured, or some are of 8 bits and
            others of floats; the message names them.
        OSError: `out` exists and is not an empty folder, or it cannot be written.
    """
    paths = find_files("maps", maps)

    def write_recalibrated(path: Path) -> bool:
        slabs = open_predictions(path, reading)
        try:
            changed = changed_slabs(change, slabs, logits=reading.logits)
            first = next(changed.parts)
            of_8_bits = first.dtype == np.uint8
            if of_8_bits:
                write(partial_out / f"{path.stem}.png", to_png(first))
            elif reading.classes:
                write(partial_out / f"{path.stem}.npy", to_npy(first))
            else:
                write_slabs(partial_out / path.name, changed.shape, chain([first], changed.parts))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return of_8_bits

    with whole_folder(out) as partial_out, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        written = tqdm(
            pool.map(write_recalibrated, paths.values()), "maps", len(paths), leave=False
        )
        require_one_kind(zip(written, paths.values(), strict=True))
    return len(paths)


def changed_slabs(change: Recalibration, slabs: Slabs, *, logits: bool = False) -> Slabs:
    """Recalibrate a map.

    Every grey level of an 8-bit map is mapped to one grey level; floats keep their data type, and
    logits are logits. Volumes are recalibrated a few slices at a time, unless a pixel's result
    depends on the whole map. Maps of K classes become float32.

    >>> temperature = RECALIBRATIONS["temperature_scaling"](2.0)
    >>> changed = changed_slabs(temperature, Slabs.of(np.float32([[0.8, 1.0]])))
    >>> [part.round(4) for part in changed.parts]  # in float32, 1 stands for 1 - 3e-8
    [array([[0.6667, 0.9998]], dtype=float32)]

    Args:
        change: the fitted recalibration.
        slabs: the map.
        logits: floats are logits instead of probabilities.

    Raises:
        ValueError: a probability is outside [0, 1], or a logit is infinite; or a value is NaN, and
            the result of other pixels depends on it.
    """

    def changed(part: np.ndarray) -> np.ndarray:
        if part.ndim > len(slabs.shape):
            return _changed_classes(change, part, logits)
        if part.dtype != np.uint8:
            return _changed_floats(change, part, logits)
        # The labels are unknown and do not matter here: all pixels count as background.
        counts = Counts.from_map(part, np.zeros_like(part))
        return change.recalibrated_grey_levels(counts).reshape(-1).astype(np.uint8)[part]

    def of_whole_map() -> Iterator[np.ndarray]:
        parts = list(slabs.parts)
        yield from np.split(changed(np.concatenate(parts)), np.cumsum([*map(len, parts)])[:-1])

    return Slabs(
        slabs.shape, of_whole_map() if change.needs == "map" else map(changed, slabs.parts)
    )


def _changed_floats(change: Recalibration, values: np.ndarray, logits: bool) -> np.ndarray:
    """Recalibrate probabilities or logits (..., H, W), in their data type; see `changed_slabs`.

    NaN, which a mask may ignore, remains NaN unless the method uses the whole map.
    """
    from scipy.special import expit

    known = values if change.needs == "map" else values[~np.isnan(values)]
    require_predictions("the map", known, logits=logits)
    before = values.astype(np.float64) if logits else finite_logits(values)
    with torch.no_grad():
        after = change(torch.from_numpy(before)[None])[0].numpy()
    if not logits:
        changed: np.ndarray = expit(after).astype(values.dtype)
        return preserve_decisions(changed, values) if change.preserves_decisions else changed
    limits = np.finfo(values.dtype)  # a temperature below 1 must not make logits infinite
    changed = after.clip(-limits.max, limits.max).astype(values.dtype)
    if change.preserves_decisions:  # a small negative logit must not be rounded to 0
        changed = np.where((changed == 0) & (values < 0), -limits.smallest_normal, changed)
    return changed


def _changed_classes(change: Recalibration, values: np.ndarray, logits: bool) -> np.ndarray:
    """Recalibrate probabilities or logits of K classes, (K, ...), as float32; see `changed_slabs`.

    Pixels that hold NaN, which a mask may ignore, remain NaN.
    """
    flat = values.reshape(len(values), -1)
    known = ~np.isnan(flat).any(axis=0)
    require_class_values(flat[:, known], logits=logits)
    before = flat[:, known] if logits else _log_probabilities(flat[:, known])
    with torch.no_grad():
        after = change(torch.from_numpy(before).double()[None])[0]
    changed = np.full(flat.shape, np.nan, np.float32)
    changed[:, known] = after if logits else after.softmax(dim=0)
    return changed.reshape(values.shape)
