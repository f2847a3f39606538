"""Maps and masks as slabs: an image at once, a volume a few slices at a time.

Images are read by `maps.read`. Arrays of NumPy (.npy, or .npz with one array) hold an image or a
volume (D, H, W); float TIFFs hold an image. An image is (H, W); the axis of a single channel,
(1, H, W), is dropped. What the numbers are is declared by `ReadOptions`, never inferred.
"""

import io
import math
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from aslp_lib.checks import explained, require
from aslp_lib.files import require_exists
from aslp_lib.maps.read import (
    CLASS_ADVICE,
    CLASSES_ADVICE,
    IGNORED,
    Grey,
    read_class_ids,
    read_map,
    read_mask,
)

ARRAYS = (".npy", ".npz")
"""Suffixes of arrays of NumPy."""
SLAB = 2**22
"""Number of values in a slab, at most, unless a single slice has more."""
WRITTEN = "a file that np.save, np.savez or np.savez_compressed wrote. Write it again."
"""What is expected of the file of an array, for messages."""
HEADERS = threading.Lock()
"""Held while a header is read: the parser of Python 3.11 before 3.11.8 fails now and then where two
threads use it at once (github.com/python/cpython/issues/106905)."""
Header = tuple[tuple[int, ...], bool, np.dtype[Any]]
"""Header of an array: its shape, whether it is in Fortran order, and its type."""


@dataclass(frozen=True)
class Slabs:
    """The slabs of a map or a mask.

    >>> slabs = Slabs((2, 3), iter([np.zeros((2, 3))]))
    >>> [slab.shape for slab in slabs.parts]
    [(2, 3)]

    Args:
        shape: (H, W) or (D, H, W).
        parts: iterator over the slabs, which together have that shape; it can be used once. A map
            of K classes is one slab with an axis more, the first one.
    """

    shape: tuple[int, ...]
    parts: Iterator[np.ndarray]

    @classmethod
    def of(cls, array: np.ndarray) -> Self:
        """Return an array as one slab."""
        return cls(array.shape, iter([array]))

    def whole(self) -> np.ndarray:
        """Read all slabs into one array."""
        return np.concatenate(list(self.parts))


def open_map(path: Path, classes: int = 0, *, volumes: bool = False, logits: bool = False) -> Slabs:
    """Open a map: slabs of uint8 grey levels of an image file, or of floats.

    A map of K classes holds the probabilities or logits of all: an array (K, H, W), or
    (K, D, H, W), which is one slab.

    Args:
        path: the file.
        classes: number K of classes; 0 for a map of an object.
        volumes: expect an array (D, H, W) instead of an image (H, W) or (1, H, W).
        logits: expect floats, which are logits.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds something else; the message names it. Errors in
            later slabs are raised when they are read.
    """
    if path.suffix.lower() in ARRAYS:
        return _open_array(path, "f", "float16, float32 or float64", volumes, classes)
    if classes:
        raise ValueError(
            f"{path} is an image of one channel; expected an array {_axes(volumes, classes)} with "
            "--classes. Save the probabilities of all classes, np.save('STEM.npy', array)."
        )
    _refuse_image_as_volume(path, volumes)
    values = read_map(path, floats=True)
    expected = f"False for the 8-bit grey levels of {path}. Leave --logits out, or give floats."
    require("logits", logits, not logits or values.dtype != np.uint8, expected)
    return Slabs.of(values)


def open_mask(
    path: Path,
    grey: Grey = "refuse",
    ignore_index: int | None = None,
    classes: int = 0,
    *,
    volumes: bool = False,
) -> Slabs:
    """Open a mask: slabs of uint8 labels, and `IGNORED` for pixels to ignore.

    The labels are 0 and 1 for an object and its background, and otherwise class ids. An image file
    of two classes is read by `read_mask`; one of more classes holds the ids as grey levels or, if
    it has a palette, as indices. Arrays hold the labels as integers or booleans.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mask.npy"
    ...     np.save(path, np.array([[0, 2, -1]]))
    ...     open_mask(path, ignore_index=-1, classes=3).whole().tolist()
    [[0, 2, 255]]

    Args:
        path: the file.
        grey: see `read_mask`.
        ignore_index: number of the pixels to ignore, see `read_mask`; in arrays, any integer.
        classes: number of classes; 0 for an object and its background.
        volumes: expect an array (D, H, W) instead of an image (H, W) or (1, H, W).

    Raises:
        FileNotFoundError, ValueError: see `open_map`.
    """
    if path.suffix.lower() in ARRAYS:
        slabs = _open_array(path, "biu", "integers or booleans", volumes)
    else:
        _refuse_image_as_volume(path, volumes)
        if not classes:
            return Slabs.of(read_mask(path, grey, ignore_index))
        slabs = Slabs.of(read_class_ids(path))
    labels = (_labels(path, part, ignore_index, classes) for part in slabs.parts)
    return Slabs(slabs.shape, labels)


def _labels(path: Path, part: np.ndarray, ignore_index: int | None, classes: int) -> np.ndarray:
    """Return the labels of a slab, see `open_mask`; raise ValueError if there is another number."""
    highest = max(classes, 2) - 1
    ignored = np.zeros(part.shape, bool) if ignore_index is None else part == ignore_index
    valid = ignored | ((part >= 0) & (part <= highest))
    if not valid.all():
        others = np.unique(part[~valid])
        if classes:
            advice, may_be_ignored = f"{CLASS_ADVICE}, or correct --classes", True
        else:
            advice = f"Save labels == k, where k is the object; {CLASSES_ADVICE}"
            # The labels 0 and 1 and one other.
            may_be_ignored = ignore_index is None and len(others) == 1 and len(np.unique(part)) == 3
        ignore = f" If {others[0]} marks pixels to ignore, use --ignore-index {others[0]}."
        raise ValueError(
            f"{path} holds the class {others[0]}; expected 0 to {highest}. {advice}."
            + ignore * may_be_ignored
        )
    return np.where(ignored, np.uint8(IGNORED), part.astype(np.uint8))


def _refuse_image_as_volume(path: Path, volumes: bool) -> None:
    """Raise ValueError if an image file is given where a volume is expected."""
    expected = f"False for images, such as {path}: a volume (D, H, W) is a .npy or .npz file"
    require("volumes", volumes, not volumes, expected)


def _axes(volumes: bool, classes: int) -> str:
    """Describe the expected shape of an array."""
    if classes:
        return f"({classes}, D, H, W)" if volumes else f"({classes}, H, W)"
    return "(D, H, W)" if volumes else "(H, W) or (1, H, W)"


def _open_array(path: Path, kinds: str, expected: str, volumes: bool, classes: int = 0) -> Slabs:
    """Open an array of NumPy and check its header, without reading its values.

    Args:
        kinds: `kind` of the accepted data types.
        expected: the accepted data types in words.
        volumes, classes: see `open_map`.
    """
    with _opened(path) as (_, (shape, _, dtype)):
        pass
    if dtype.kind not in kinds or dtype.itemsize > 8:
        raise ValueError(f"{path} holds {dtype}; expected {expected}. Convert it.")
    if 0 in shape:
        raise ValueError(f"{path} has shape {shape}; expected one pixel or more.")
    parts = array_slabs(path)
    pixels = 3 if volumes else 2
    if classes and len(shape) == pixels + 1 and shape[0] == classes:
        # Classes are the first axis of the file, so that they come together when all is read.
        return Slabs(shape[1:], map(Slabs.whole, [Slabs(shape, parts)]))
    if not classes and len(shape) == pixels:
        return Slabs(shape, parts)
    if not (classes or volumes) and len(shape) == 3 and shape[0] == 1:
        return Slabs(shape[1:], (part[0] for part in parts))
    axes = _axes(volumes, classes)
    if classes:
        axes = f"(K, ...) = {axes}"
        advice = "Correct --classes, or save np.moveaxis(array, -1, 0) if the classes are last"
    else:
        other = "Leave --volumes out" if volumes else "Save a channel, array[k], or give --volumes"
        advice = f"{other}; for K classes, give --classes; of one-hot labels, save array.argmax(0)"
    raise ValueError(f"{path} has shape {shape}; expected {axes}. {advice}.")


def array_slabs(path: Path) -> Iterator[np.ndarray]:
    """Read the slabs of an array; an image is one slab.

    An array in Fortran order, whose slices lie scattered in the file, is read at once.
    """
    with _opened(path) as (file, (shape, fortran, dtype)):
        row = math.prod(shape[1:])
        step = max(1, shape[0] if len(shape) == 2 else SLAB // max(row, 1))
        at_once = max(step, shape[0]) if fortran else step
        for start in range(0, shape[0], at_once):
            rows = min(at_once, shape[0] - start)
            numbers = np.frombuffer(file.read(rows * row * dtype.itemsize), dtype)
            numbers = numbers.astype(dtype.newbyteorder("="), copy=False)
            block = numbers.reshape((rows, *shape[1:]), order="F" if fortran else "C")
            yield from (block[i : i + step] for i in range(0, rows, step))
        if file.read(1):  # this also compares the checksum of a .npz
            raise ValueError("there are more numbers than its shape says")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], Header]]:
    """Open the array of a .npy or .npz file and read its header.

    Errors of a damaged file, also while its numbers are read, become a ValueError that names it.
    """
    require_exists("file", path, WRITTEN)
    problem = f"{path} cannot be read: it is damaged or not an array of numbers"
    with explained(problem, WRITTEN, Exception), ExitStack() as stack:
        if path.suffix.lower() == ".npy":
            file: IO[bytes] = stack.enter_context(path.open("rb"))
        else:
            archive = stack.enter_context(ZipFile(path))
            if len(names := archive.namelist()) != 1:
                raise ValueError(f"it holds {len(names)} arrays, of which one is expected")
            file = stack.enter_context(archive.open(names[0]))
        first = npy.read_magic(file) == (1, 0)
        read_header = npy.read_array_header_1_0 if first else npy.read_array_header_2_0
        with HEADERS:
            header = read_header(file)
        yield file, header


def write_slabs(path: Path, shape: tuple[int, ...], parts: Iterator[np.ndarray]) -> None:
    """Write a map of floats in the format that the suffix says: .npy, .npz or float TIFF.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "map.npz"
    ...     write_slabs(path, (1, 2), iter([np.array([[0.25, 1.0]])]))
    ...     [part.tolist() for part in open_map(path).parts]
    [[[0.25, 1.0]]]

    Args:
        path: the file, which must not be in use: it is not written atomically.
        shape: (H, W) or (D, H, W).
        parts: slabs, which together have this shape; a single one for a TIFF.

    Raises:
        OSError: the file cannot be written, for example because the disk is full; what is left of
            it is incomplete.
    """
    try:
        with ExitStack() as stack:
            if path.suffix.lower() == ".npz":
                archive = stack.enter_context(ZipFile(path, "w", ZIP_DEFLATED))
                file: IO[bytes] = stack.enter_context(
                    archive.open("map.npy", "w", force_zip64=True)
                )
            else:
                file = stack.enter_context(path.open("wb"))
            if path.suffix.lower() not in ARRAYS:
                # In memory first: into a file, Pillow writes without noticing a disk that is full.
                buffer = io.BytesIO()
                Image.fromarray(next(parts).astype(np.float32)).save(buffer, format="tiff")
                file.write(buffer.getbuffer())
                return
            for number, part in enumerate(map(np.ascontiguousarray, parts)):
                if number == 0:
                    header = npy.header_data_from_array_1_0(part) | {"shape": shape}
                    npy.write_array_header_1_0(file, header)
                file.write(part.data)
    except OSError as error:
        reason = f"could not write {path} ({error.strerror}); expected a writable file. "
        raise OSError(error.errno, f"{reason}Free space, or choose another folder.") from error
