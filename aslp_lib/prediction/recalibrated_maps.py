"""Recalibration of folders of maps, fitted on maps and masks and applied to other maps."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from aslp_lib.files import whole_folder, write
from aslp_lib.maps.count import ReadOptions, count_folders, find_files, require_ignored
from aslp_lib.maps.slabs import open_map, write_slabs
from aslp_lib.maps.write import to_png
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import RECALIBRATIONS, Recalibration
from aslp_lib.recalibration.image_wise import ImageWise

ON_MAPS = tuple(k for k, kind in RECALIBRATIONS.items() if not kind.needs_network)
"""Names of the recalibrations that need only maps, and neither images nor a network."""
LARGEST_LOGIT = 745.0
"""Logit that stands for a probability of 1 in float64, whose smallest number is exp(-744.4)."""
ON_CORRUPTED = tuple(k for k in ON_MAPS if RECALIBRATIONS[k].fits_corrupted)
"""Names of the recalibrations in `ON_MAPS` that can be fitted on maps of corrupted images too."""


def fit_on_maps(
    kind: str,
    pairs: Sequence[tuple[Path, Path]],
    reading: ReadOptions = ReadOptions(weighted_f=False),  # noqa: B008 - it is frozen
    valid: Path | None = None,
) -> tuple[Recalibration, Counts]:
    """Fit a recalibration on folders of maps and masks.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     maps, masks = Path(folder, "maps"), Path(folder, "masks")
    ...     for path, grey_levels in ((maps, [220, 220, 35, 35]), (masks, [255, 0, 0, 0])):
    ...         path.mkdir()
    ...         Image.fromarray(np.uint8([grey_levels])).save(path / "image.png")
    ...     pairs = [(maps, masks)]
    ...     temperature, counts = fit_on_maps("temperature_scaling", pairs)
    >>> bool(temperature.value > 1)  # confidence 86 %, accuracy 75 %
    True

    Args:
        kind: name of the recalibration, one of `ON_MAPS`.
        pairs: folders of maps and of their masks. The first pair has clean images; kinds in
            `ON_CORRUPTED` accept further pairs, of corrupted images.
        reading: how maps and masks are read.
        valid: folder of masks of the pixels to count, of every pair; None to count all.

    Returns:
        The fitted recalibration, and the counts of the first pair.

    Raises:
        FileNotFoundError: a folder does not exist.
        ValueError: there are no pairs, or more than the kind accepts; or maps cannot be used, see
            `count_folders` and `Recalibration.fit`.
    """
    if not pairs or (len(pairs) > 1 and kind not in ON_CORRUPTED):
        raise ValueError(
            f"there are {len(pairs)} folders of maps; expected one, because {kind} is fitted to "
            f"one set. Only {', '.join(ON_CORRUPTED)} also use folders of corrupted images."
        )
    clean, *corrupted = (count_folders(*pair, reading, valid=valid) for pair in pairs)
    require_ignored([clean, *corrupted], reading)
    return RECALIBRATIONS[kind]().fit(clean, corrupted), clean


def change_maps(
    change: Recalibration,
    maps: Path,
    out: Path,
    reading: ReadOptions = ReadOptions(),  # noqa: B008 - it is frozen
) -> int:
    """Apply a recalibration to a folder of maps and write the results to another folder.

    What is written has the kind of what was read: every grey level of an 8-bit map is mapped to one
    grey level, in `out/STEM.png`; floats keep their format and data type, and logits are logits.
    Volumes are read and written a few slices at a time, except by the image-wise methods. The
    folder `out` appears when it is complete.

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
        ValueError: there are no maps, or a map is damaged or coloured; the message names it.
        OSError: `out` exists and is not an empty folder, or it cannot be written.
    """
    paths = find_files("maps", maps)

    def write_recalibrated(path: Path) -> str:
        slabs = open_map(path, volumes=reading.volumes, logits=reading.logits)
        first = next(slabs.parts)
        if first.dtype == np.uint8:
            write(partial / f"{path.stem}.png", to_png(_changed_grey_levels(change, first)))
            return f"{path.stem}.png"
        parts: Iterator[np.ndarray] = chain([first], slabs.parts)
        if isinstance(change, ImageWise):  # its statistics are those of the whole map
            parts = iter([np.concatenate(list(parts))])
        try:
            changed = (_changed_floats(change, part, reading.logits) for part in parts)
            write_slabs(partial / path.name, slabs.shape, changed)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return path.name

    names: list[str] = []
    with whole_folder(out, names) as partial, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        written = pool.map(write_recalibrated, paths.values())
        names.extend(tqdm(written, "maps", len(paths), leave=False))
    return len(names)


def _changed_grey_levels(change: Recalibration, grey_levels: np.ndarray) -> np.ndarray:
    """Recalibrate an 8-bit map."""
    # The labels are unknown and do not matter here: all pixels count as background.
    counts = Counts.from_map(grey_levels, np.zeros_like(grey_levels))
    changed: np.ndarray = change.recalibrated_grey_levels(counts).reshape(-1)
    return changed.astype(np.uint8)[grey_levels]


def _changed_floats(change: Recalibration, values: np.ndarray, logits: bool) -> np.ndarray:
    """Recalibrate probabilities or logits (..., H, W), in their data type.

    Raises:
        ValueError: a probability is NaN or outside [0, 1], or a logit is not finite.
    """
    from scipy.special import expit, logit

    exact = values.astype(np.float64)
    low, high = exact.min(initial=0.5), exact.max(initial=0.5)
    if not (np.isfinite([low, high]).all() if logits else 0 <= low <= high <= 1):
        expected = "finite logits" if logits else "probabilities in [0, 1]; logits need --logits"
        raise ValueError(f"it spans [{low:g}, {high:g}]; expected {expected}")
    z = exact if logits else logit(exact).clip(-LARGEST_LOGIT, LARGEST_LOGIT)
    with torch.no_grad():
        changed = change(torch.from_numpy(z)[None])[0].numpy()
    return (changed if logits else expit(changed)).astype(values.dtype)
