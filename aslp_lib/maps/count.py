"""Counts of folders of maps against their masks, about as fast as decoding the files."""

import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from aslp_lib.checks import require, require_name
from aslp_lib.maps.classes import against_rest, class_names, require_class_values
from aslp_lib.maps.listing import MAP_SUFFIXES, counted, find_images, refuse
from aslp_lib.maps.read import IGNORED, Grey, refuse_other_size, require_ignored_label
from aslp_lib.maps.slabs import Slabs, open_map, open_mask
from aslp_lib.maps.write import min_max
from aslp_lib.metrics.classes import AnyCounts, ClassCounts
from aslp_lib.metrics.counts import Counts

WEIGHTED_F = importlib.util.find_spec("py_sod_metrics") is not None
"""Whether weighted F can be measured. It needs PySODMetrics (the optional extra `saliency`)."""

STRETCHED = "maps were stretched to the full range: not the network's confidences"
"""Note that accompanies every score of min-max-normalised maps."""


@dataclass(frozen=True)
class FileOptions:
    """What the files of maps and masks hold. The docstrings are help texts of the command line."""

    ignore_index: int | None = None
    """Grey level of masks, or index of a palette, whose pixels are not counted. In arrays, it is
    any integer."""
    logits: bool = False
    """Maps are floats that hold logits. Otherwise floats are probabilities."""
    volumes: bool = False
    """Maps and masks are arrays (D, H, W), in .npy or .npz files."""
    classes: tuple[str, ...] = ()
    """Names or number of the K classes of masks of class ids. Maps are then arrays (K, H, W), or
    (K, D, H, W) with volumes, of probabilities or logits of all classes."""

    @property
    def flags(self) -> list[str]:
        """The flags that name what maps hold."""
        classes = ["--classes", *self.classes] if self.classes else []
        return ["--logits"] * self.logits + ["--volumes"] * self.volumes + classes


@dataclass(frozen=True)
class ReadOptions(FileOptions):
    """Options for reading maps and masks. The docstrings are help texts of the command line.

    >>> ReadOptions(weighted_f=False).min_max
    False

    Raises:
        ValueError: `num_workers` is less than 1, `min_max` is given with logits, volumes or
            classes, names of classes are wrong, or `one_class` is none of them.
    """

    min_max: bool = False
    """Stretch each map to the full range first, as the authors' release did. This changes every
    confidence. Use it only to compare with numbers made that way."""
    weighted_f: bool = WEIGHTED_F
    """Compute weighted F too, which takes ten times as long as all other scores together."""
    grey: Grey = "refuse"
    """What to do with non-binary masks: refuse them with an error, or threshold them at 128."""
    allow_missing: bool = False
    """Leave out masks without a map instead of refusing them. Maps without a mask are always
    refused."""
    num_workers: int | None = None
    """Number of threads that read files, at least 1. None uses one per processor."""
    one_class: Annotated[str | None, tyro.conf.arg(name="class")] = None
    """Class to score against the rest, with all scores of two classes."""

    def __post_init__(self) -> None:
        valid = self.num_workers is None or self.num_workers >= 1
        expected = "at least 1, or None for one per processor."
        require("num_workers", self.num_workers, valid, expected)
        stretched = self.min_max and bool(self.logits or self.volumes or self.classes)
        expected = "False with logits, volumes or classes."
        require("min_max", self.min_max, not stretched, expected)
        object.__setattr__(self, "classes", class_names(self.classes))  # as the class is frozen
        if self.several_classes:
            object.__setattr__(self, "weighted_f", False)  # it is of two classes
        if self.one_class is not None:
            require_name("--class", self.one_class, self.classes or ["those of --classes"])

    @property
    def several_classes(self) -> bool:
        """True if what is counted are `ClassCounts`."""
        return bool(self.classes) and self.one_class is None


AS_IT_IS = ReadOptions()
"""Default options: maps are counted as they are."""


def count_folders(
    maps: Path,
    masks: Path,
    reading: ReadOptions = AS_IT_IS,
    *,
    valid: Path | None = None,
    change: Callable[[Slabs], Slabs] | None = None,
    progress: bool = True,
) -> Any:
    """Count the pixels of a folder of maps against a folder of masks.

    Maps are 8-bit images, float TIFFs or arrays of floats, see `slabs.open_map`. Files are matched
    by stem, and the images are in the order of their stems. An image without any pixel to count is
    left out.

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
        valid: folder of masks of the pixels to count, one for each mask; None to count all.
        change: function of a map, such as a recalibration, whose result is counted instead.
        progress: show a progress bar.

    Returns:
        The `Counts`; of K classes, unless there is `one_class`, the `ClassCounts`.

    Raises:
        FileNotFoundError: a folder does not exist.
        ValueError: there are no maps or masks, stems do not match, files are damaged, sizes differ,
            or no pixel is to be counted; the message names the files.
    """
    paths, mask, ignored = matched_files(maps, masks, reading, valid)
    return count_files(
        paths,
        mask,
        reading,
        ignored=ignored,
        change=change,
        name=Path(maps).name,
        progress=progress,
    )


def matched_files(
    maps: Path, masks: Path, reading: ReadOptions, valid: Path | None = None
) -> tuple[dict[str, Path], Callable[[int], Slabs], int | None]:
    """Match the files of maps and masks by stem.

    Args:
        maps, masks, reading, valid: see `count_folders`.

    Returns:
        The map of each stem; a function from its position to its mask; and the label of pixels to
        ignore in these masks, None if there are none.

    Raises:
        FileNotFoundError, ValueError: see `count_folders`.
    """
    map_files, mask_files = find_files("maps", Path(maps)), find_files("masks", Path(masks))
    refuse(f"maps in {maps} without a mask in {masks}", map_files.keys() - mask_files.keys())
    if not reading.allow_missing:
        problem = f"masks in {masks} without a map in {maps} (--allow-missing leaves them out)"
        refuse(problem, mask_files.keys() - map_files.keys())
    stems = list(map_files)
    if valid is not None:
        valid_files = find_files("masks", valid)
        refuse(f"masks in {masks} without a mask in {valid}", {*stems} - valid_files.keys())

    def mask(index: int) -> Slabs:
        labels = open_mask(
            mask_files[stems[index]],
            reading.grey,
            reading.ignore_index,
            len(reading.classes),
            volumes=reading.volumes,
        )
        if valid is None:
            return labels
        counted = open_mask(valid_files[stems[index]], volumes=reading.volumes)
        refuse_other_size(valid_files[stems[index]], counted.shape, labels.shape)
        pairs = zip(labels.parts, counted.parts, strict=True)
        return Slabs(labels.shape, (np.where(c, y, np.uint8(IGNORED)) for y, c in pairs))

    ignored = None if valid is None and reading.ignore_index is None else IGNORED
    return map_files, mask, ignored


def open_predictions(path: Path, reading: ReadOptions) -> Slabs:
    """Open a map as the options say."""
    classes = len(reading.classes)
    return open_map(path, classes, volumes=reading.volumes, logits=reading.logits)


def find_files(kind: str, folder: Path) -> dict[str, Path]:
    """Find maps or masks: stem -> file, in the order of the stems.

    Args:
        kind: "maps" or "masks", for the message.
        folder: folder of the files.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: there are no such files.
    """
    if not (files := find_images(folder, MAP_SUFFIXES)):
        raise no_files(kind, [folder], folder)
    return dict(sorted(files.items()))


def no_files(kind: str, places: Sequence[Path], parent: Path) -> ValueError:
    """Return an error that names the places without maps or masks, and what `parent` holds."""
    names = [f"{path.name}{'/' if path.is_dir() else ''}" for path in parent.glob("[!.]*")]
    return ValueError(
        f"there are no {kind} in {' or '.join(map(str, places))}; expected greyscale images, float "
        "TIFFs or arrays: STEM.png, STEM.tif, STEM.npy or STEM.npz. "
        f"{counted(f'{parent} holds', names or ['nothing'])}."
    )


def count_files(
    paths: Mapping[str, Path],
    mask: Callable[[int], Slabs],
    reading: ReadOptions = AS_IT_IS,
    *,
    ignored: int | None = None,
    groups: ArrayLike | None = None,
    change: Callable[[Slabs], Slabs] | None = None,
    name: str = "",
    progress: bool = True,
) -> Any:
    """Count the pixels of map files against masks, in several threads.

    Args:
        paths: stem -> map.
        mask: function from the position of a map to its mask, labels of 0 and 1, or classes.
        reading: how maps and masks are read.
        ignored: label of pixels to ignore in the masks; None if there are none. An image of such
            pixels alone is left out, and weighted F is not measured if there is any.
        groups: group of each image, see `Counts`.
        change: see `count_folders`.
        name: name of the set, for the progress bar.
        progress: show a progress bar.

    Returns:
        The counts, see `count_folders`.

    Raises:
        ValueError: a map is not grey, is damaged, or has another size than its mask; the message
            names it; no pixel is to be counted; or all logits lie between 0 and 1.
    """

    def count(index: int, path: Path) -> AnyCounts:
        labels, prediction = mask(index), open_predictions(path, reading)
        refuse_other_size(path, prediction.shape, labels.shape)
        if change is not None:
            changed = change(prediction)
            prediction = Slabs(changed.shape, _naming(path, changed.parts))
        if reading.classes:
            labels = Slabs.of(labels.whole())
        parts = [part(path, *pair) for pair in zip(prediction.parts, labels.parts, strict=True)]
        kind: Any = type(parts[0])
        return kind.join(parts).merged()

    def part(path: Path, prediction: np.ndarray, labels: np.ndarray) -> AnyCounts:
        if reading.min_max:
            prediction = min_max(prediction)
        try:
            if reading.classes:
                pixels = prediction.reshape(len(prediction), -1)
                counted = slice(None) if ignored is None else labels.ravel() != ignored
                require_class_values(pixels[:, counted], logits=reading.logits)
                if reading.one_class is None:
                    return count_class_map(prediction, labels, ignored, logits=reading.logits)
                number = reading.classes.index(reading.one_class)
                prediction, labels = against_rest(prediction, labels, number, logits=reading.logits)
            count_pixels: Callable[..., Counts] = Counts.from_map
            if prediction.dtype != np.uint8:
                count_pixels = partial(Counts.from_floats, logits=reading.logits)
            counts = count_pixels(prediction, labels, ignore_index=ignored)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        # Only of an image, and without ignored pixels: as S, which is computed from the quadrants.
        if reading.weighted_f and "quadrants" in counts.columns:
            return counts.with_columns(weighted_f=[weighted_f(prediction, labels, reading.logits)])
        return counts

    workers = reading.num_workers or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        # With one worker, this thread counts: handing the work over would cost more than it gains.
        parts = (pool.map if workers > 1 else map)(count, range(len(paths)), paths.values())
        bar = tqdm(parts, f"maps of {name}", len(paths), disable=not progress, leave=False)
        images = list(bar)
    if not any(image.pixels for image in images):
        raise ValueError(
            f"the masks of {name} leave no pixel to count; expected one or more. Correct "
            "--valid-masks or --ignore-index."
        )
    of_8_bits = (isinstance(part, Counts) and part.levels is None for part in images)
    require_one_kind(zip(of_8_bits, paths.values(), strict=True))
    counts = type(images[0]).of_images(images, names=list(paths), groups=groups)
    if isinstance(counts, Counts) and reading.logits and change is None and not reading.classes:
        used = counts.probabilities[counts.pooled.any(axis=0)]
        if used.min() > 0.4999 and used.max() < 0.7312:  # the sigmoids of 0 and 1, rounded
            raise ValueError(
                f"the maps of {name} hold numbers from 0 to 1 only, as probabilities do; expected "
                "logits. Leave --logits out."
            )
    return counts


def require_one_kind(maps: Iterable[tuple[bool, Path]]) -> None:
    """Raise ValueError if some maps are of 8 bits and others of floats.

    Args:
        maps: for each map, whether it is of 8 bits, and its file.
    """
    if len(kinds := dict(maps)) > 1:
        both = " and ".join(map(str, kinds.values()))
        raise ValueError(
            f"{both} are maps of 8 bits and of floats; expected one kind in a folder. Convert one "
            "of them, or move it."
        )


def count_class_map(
    prediction: np.ndarray, labels: np.ndarray, ignored: int | None, *, logits: bool = False
) -> ClassCounts:
    """Count the pixels of a map (K, ...) of probabilities or logits against class ids (...).

    >>> count_class_map(np.float32([[0.7], [0.2], [0.1]]), np.uint8([2]), None).confusion[0, 2]
    array([1, 0, 0])
    """
    import torch  # which scoring maps of two classes does not need

    count = ClassCounts.from_logits if logits else ClassCounts.from_probabilities
    return count(torch.from_numpy(prediction)[None], torch.from_numpy(labels)[None], ignored)


def _naming(path: Path, parts: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the slabs of a map, and name its file in errors."""
    try:
        yield from parts
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def require_ignored(sets: Iterable[Any], reading: ReadOptions) -> None:
    """Raise ValueError if the grey level to ignore has no pixel in any set, or leaves no object."""
    sets = list(sets)
    has_object = bool(reading.classes) or any(c.table[:, 1].any() for c in sets)
    ignored = any(c.columns["ignored"].any() for c in sets if "ignored" in c.columns)
    require_ignored_label(reading.ignore_index, ignored, has_object)


def weighted_f(prediction: np.ndarray, mask: np.ndarray, logits: bool = False) -> float:
    """Compute the weighted F-measure of one map (Margolin et al., CVPR 2014) with PySODMetrics.

    It is NaN if the mask has no foreground.

    >>> weighted_f(np.uint8([[255, 0]]), np.uint8([[0, 0]]))
    nan

    Args:
        prediction: (H, W) map of uint8 grey levels, or of floats.
        mask: (H, W) mask of 0 and 1.
        logits: the floats are logits.
    """
    if not mask.any():
        return float("nan")
    from py_sod_metrics import WeightedFmeasure

    p = prediction.astype(np.float64) / (255 if prediction.dtype == np.uint8 else 1)
    p = 1 / (1 + np.exp(-p.clip(-700, 700))) if logits else p
    return float(WeightedFmeasure().cal_wfm(p, mask.astype(bool)))
