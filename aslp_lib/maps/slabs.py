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
from aslp_lib.maps.read import CLASSES_ADVICE, IGNORED, Grey, read_map, read_mask

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


def open_map(path: Path, *, volumes: bool = False, logits: bool = False) -> Slabs:
    """Open a map: slabs of uint8 grey levels of an image file, or of floats.

    Args:
        path: the file.
        volumes: expect an array (D, H, W) instead of an image (H, W) or (1, H, W).
        logits: expect floats, which are logits.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds something else; the message names it. Errors in
            later slabs are raised when they are read.
    """
    if path.suffix.lower() in ARRAYS:
        return open_array(path, volumes, "f", "float16, float32 or float64")
    refuse_image_as_volume(path, volumes)
    values = read_map(path, floats=True)
    expected = f"False for the 8-bit grey levels of {path}. Leave --logits out, or give floats."
    require("logits", logits, not logits or values.dtype != np.uint8, expected)
    return Slabs.of(values)


def open_mask(
    path: Path, grey: Grey = "refuse", ignore_index: int | None = None, *, volumes: bool = False
) -> Slabs:
    """Open a mask: slabs of uint8 labels 0 and 1, and `IGNORED` for pixels to ignore.

    Arrays hold the labels 0 and 1, and `ignore_index`, as integers or booleans.

    Args:
        path: the file.
        grey, ignore_index: see `read_mask`; arrays may also have a negative `ignore_index`.
        volumes: expect an array (D, H, W) instead of an image (H, W) or (1, H, W).

    Raises:
        FileNotFoundError, ValueError: see `open_map`.
    """
    if path.suffix.lower() not in ARRAYS:
        refuse_image_as_volume(path, volumes)
        return Slabs.of(read_mask(path, grey, ignore_index))
    slabs = open_array(path, volumes, "biu", "integers or booleans")

    def labels() -> Iterator[np.ndarray]:
        for part in slabs.parts:
            ignored = np.zeros(part.shape, bool) if ignore_index is None else part == ignore_index
            if not ((part == 0) | (part == 1) | ignored).all():
                values = np.unique(part[~ignored])[:10].tolist()
                others = [k for k in values if k not in (0, 1)]
                # The labels 0 and 1 and one other: it may mark pixels to ignore.
                marks = ignore_index is None and len(values) == 3 and len(others) == 1
                ignore = f" If {others[0]} marks pixels to ignore, use --ignore-index {others[0]}."
                raise ValueError(
                    f"{path} holds the labels {values}; expected 0 and 1. Save labels == k, where "
                    f"k is the object; {CLASSES_ADVICE}.{ignore * marks}"
                )
            yield np.where(ignored, np.uint8(IGNORED), part.astype(np.uint8))

    return Slabs(slabs.shape, labels())


def refuse_image_as_volume(path: Path, volumes: bool) -> None:
    """Raise ValueError if an image file is given where a volume is expected."""
    expected = f"False for images, such as {path}: a volume (D, H, W) is a .npy or .npz file"
    require("volumes", volumes, not volumes, expected)


def open_array(path: Path, volumes: bool, kinds: str, expected: str) -> Slabs:
    """Open an array of NumPy and check its header, without reading its values.

    Args:
        kinds: `kind` of the accepted data types.
        expected: the accepted data types in words.
    """
    shape = array_shape(path, kinds, expected)
    one_channel = not volumes and len(shape) == 3 and shape[0] == 1
    if len(shape) != (3 if volumes or one_channel else 2):
        several = "" if kinds == "f" else "save array.argmax(0) of one-hot labels, and "
        needed = (
            f"(D, H, W), as --volumes says. For K classes, {several}give --classes"
            if volumes
            else f"(H, W) or (1, H, W). For K classes, {several}give --classes; otherwise save one "
            "channel, array[k], or give --volumes for a volume"
        )
        raise ValueError(f"{path} has shape {shape}; expected {needed}.")
    parts = array_slabs(path)
    return Slabs(shape[1:], (part[0] for part in parts)) if one_channel else Slabs(shape, parts)


def array_shape(path: Path, kinds: str, expected: str) -> tuple[int, ...]:
    """Read the shape of an array, and check its type; see `open_array`."""
    with _opened(path) as (_, header):
        shape, _, dtype = header
    if dtype.kind not in kinds or dtype.itemsize > 8:
        raise ValueError(f"{path} holds {dtype}; expected {expected}. Convert it.")
    if 0 in shape:
        raise ValueError(f"{path} has shape {shape}; expected one pixel or more.")
    return shape


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
