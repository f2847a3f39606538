"""Masks of several classes, which hold the class id of each pixel, and names of classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aslp_lib.checks import require
from aslp_lib.maps.read import CLASS_ADVICE, IGNORED, Grey, read_class_ids, read_mask
from aslp_lib.maps.slabs import ARRAYS, Slabs, open_array, refuse_image_as_volume


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
