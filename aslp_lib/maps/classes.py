"""Masks and maps of several classes, and names of classes.

A mask holds the class id of each pixel, and a map the probabilities or logits of all classes.
"""

from collections.abc import Sequence
from functools import reduce
from pathlib import Path

import numpy as np

from aslp_lib.checks import require
from aslp_lib.maps.read import CLASS_ADVICE, IGNORED, Grey, read_class_ids, read_mask
from aslp_lib.maps.slabs import (
    ARRAYS,
    Slabs,
    array_shape,
    array_slabs,
    open_array,
    refuse_image_as_volume,
)
from aslp_lib.metrics.classes import SUM_TOLERANCE


def class_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes that are given by their names or by their number.

    >>> class_names(["3"]), class_names(["sky", "tree"]), class_names([])
    (('0', '1', '2'), ('sky', 'tree'), ())

    Raises:
        ValueError: there are fewer than 2 or more than 255 classes, or names are equal.
    """
    by_number = len(names) == 1 and names[0].isdecimal()
    # Four digits suffice to see that a number is too large.
    all_names = tuple(map(str, range(int(names[0][:4])))) if by_number else tuple(names)
    valid = not names or 2 <= len(set(all_names)) == len(all_names) <= IGNORED
    require("classes", tuple(names), valid, f"2 to {IGNORED} different names, or their number")
    return all_names


def read_labels(
    path: Path, grey: Grey = "refuse", ignore_index: int | None = None, classes: int = 0
) -> np.ndarray:
    """Read a mask of two classes with `read_mask`, or one of more with `open_class_mask`.

    Args:
        classes: number of classes; 0 for an object and its background.

    Returns:
        (H, W) uint8 labels, and `IGNORED` for pixels to ignore.

    Raises:
        FileNotFoundError, ValueError: see these functions.
    """
    if not classes:
        return read_mask(path, grey, ignore_index)
    (labels,) = open_class_mask(path, classes, ignore_index).parts
    return labels


def open_class_mask(
    path: Path, classes: int, ignore_index: int | None = None, *, volumes: bool = False
) -> Slabs:
    """Open a mask of class ids, as uint8, with `IGNORED` for pixels to ignore.

    An image file holds them as grey levels or, if it has a palette, as indices. An array holds them
    as integers.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mask.npy"
    ...     np.save(path, np.array([[0, 2, -1]]))
    ...     [part.tolist() for part in open_class_mask(path, 3, ignore_index=-1).parts]
    [[[0, 2, 255]]]

    Args:
        path: the file.
        classes: number of classes.
        ignore_index: number of the pixels to ignore.
        volumes: expect an array (D, H, W) instead of an image (H, W) or (1, H, W).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or does not hold integers. Slabs raise it for a number that
            is neither a class nor `ignore_index`. The message names the file.
    """
    if path.suffix.lower() in ARRAYS:
        slabs = open_array(path, volumes, "biu", "class ids, which are integers")
    else:
        refuse_image_as_volume(path, volumes)
        slabs = Slabs.of(read_class_ids(path))

    def checked(part: np.ndarray) -> np.ndarray:
        ignored = np.isin(part, [] if ignore_index is None else [ignore_index])
        others = part[~ignored & ((part < 0) | (part >= classes))]
        if others.size:
            raise ValueError(
                f"{path} holds the class {others[0]}; expected 0 to {classes - 1}, as there are "
                f"{classes} classes. {CLASS_ADVICE}, or correct --classes; if {others[0]} marks "
                f"pixels to ignore, give --ignore-index {others[0]}."
            )
        return np.where(ignored, np.uint8(IGNORED), part.astype(np.uint8))

    return Slabs(slabs.shape, map(checked, slabs.parts))


def open_class_map(path: Path, classes: int, *, volumes: bool = False) -> Slabs:
    """Open a map of probabilities or logits of K classes: one slab (K, H, W), or (K, D, H, W).

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "map.npy"
    ...     np.save(path, np.zeros((3, 4, 5)))
    ...     slabs = open_class_map(path, 3)
    ...     slabs.shape, next(slabs.parts).shape
    ((4, 5), (3, 4, 5))

    Args:
        path: a .npy or .npz file of floats.
        classes: number K of classes.
        volumes: expect a map of a volume.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds something else; the message names it.
    """
    axes = f"({classes}, D, H, W)" if volumes else f"({classes}, H, W)"
    if path.suffix.lower() not in ARRAYS:
        raise ValueError(
            f"{path} is an image of one channel; expected an array {axes} with --classes. Save the "
            "probabilities of all classes as floats, np.save('STEM.npy', array)."
        )
    shape = array_shape(path, "f", "float16, float32 or float64")
    if len(shape) != 3 + volumes or shape[0] != classes:
        advice = "Correct --classes"
        if len(shape) == 3 + volumes and shape[-1] == classes:
            advice = "The classes are its last axis: save np.moveaxis(array, -1, 0)"
        raise ValueError(
            f"{path} has shape {shape}; expected (K, ...) = {axes}, as there are {classes} "
            f"classes. {advice}."
        )
    # Classes are the first axis of the file, so that they come together only when all is read.
    return Slabs(shape[1:], map(Slabs.whole, [Slabs(shape, array_slabs(path))]))


def require_class_values(values: np.ndarray, *, logits: bool = False) -> None:
    """Raise ValueError unless the values of pixels, (K, pixels), are probabilities, or logits.

    >>> require_class_values(np.float32([[0.5], [1]]))
    Traceback (most recent call last):
    ValueError: the map spans [0.5, 1], and a pixel adds up to 1.5; expected probabilities that \
add up to 1, as those of a softmax do and those of a sigmoid do not. Logits need --logits.
    """
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())  # NaN if one is NaN
    totals = values.sum(axis=0, dtype=np.float64)
    total = totals[np.abs(totals - 1).argmax()]
    valid = low >= 0 and abs(total - 1) <= SUM_TOLERANCE
    expected = (
        "probabilities that add up to 1, as those of a softmax do and those of a sigmoid do not. "
        "Logits need --logits."
    )
    if logits:
        valid = not valid and -np.inf < low <= high < np.inf
        expected = "finite logits. Probabilities, which add up to 1, need no --logits."
    if np.isnan(low):
        expected += " Look for NaN in what the network computes."
    if not valid:
        raise ValueError(
            f"the map spans [{low:g}, {high:g}], and a pixel adds up to {total:g}; expected "
            f"{expected}"
        )


def against_rest(
    values: np.ndarray, labels: np.ndarray, number: int, *, logits: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the map and the mask of one class against the rest.

    >>> values, labels = np.log(np.float64([[0.5], [0.3], [0.2]])), np.uint8([1])
    >>> odds, is_class = against_rest(values, labels, 1, logits=True)
    >>> np.exp(odds).round(2), is_class  # 0.3 / 0.7
    (array([0.43]), array([1], dtype=uint8))

    Args:
        values: probabilities or logits of K classes, (K, ...).
        labels: class of each pixel, (...), or `IGNORED`.
        number: number k of the class.
        logits: the values are logits.

    Returns:
        Probabilities p of the class, or log-odds `log p - log(1 - p)`; and labels, 0 or 1, or
        `IGNORED`.
    """
    of_class = values[number]
    if logits:
        others = (values[k].astype(np.float64) for k in range(len(values)) if k != number)
        with np.errstate(invalid="ignore"):  # of pixels to ignore
            of_class = of_class - reduce(np.logaddexp, others)
    return of_class, np.where(labels == IGNORED, labels, labels == number).astype(np.uint8)
