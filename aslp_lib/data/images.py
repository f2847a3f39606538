"""Image files: pictures, masks and maps, decoded by Pillow. Nothing else here decodes one.

What a file holds decides, not its suffix: JPEG, PNG, or one frame of a TIFF, GIF or WebP. It is
read as a viewer shows it, the EXIF orientation and the palette applied, 16 bits scaled to 8, or
refused by its name; never in part, and never as something that one would not see. (A JPEG has no
checksums: if some of its bits are wrong, but none is missing, nobody can tell.)
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ExifTags, Image
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from aslp_lib.files import read

FORMATS: dict[bytes, type[ImageFile]] = {
    b"\xff\xd8\xff": JpegImageFile,  # of several pictures (MPO, as telephones write) the first
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
    b"GIF8": GifImageFile,
    b"RIFF": WebPImageFile,
}
"""First bytes -> reader. Not `Image.open`, which warns of a large picture before it can be refused,
and knows formats that run other programs."""

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: they would take 300 MB and more each."""

GREY_LIMIT = 0.10
"""Masks with a larger share of grey pixels are pictures or graded votes, not binary masks."""

Grey = Literal["refuse", "threshold"]

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation."""

MASK_ADVICE = "store the object as 255 and the background as 0, in greyscale"
MAP_ADVICE = "store round(255 * p), in greyscale"
IMAGE_ADVICE = "save it as an 8-bit RGB JPEG or PNG"


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8, RGB.

    A picture with transparent pixels is refused: what is to be seen there is nobody's photograph.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be read for what it shows; says why.
    """
    picture = _decoded(path)
    if _is_deep(picture):
        return np.repeat(_in_8_bits(path, picture, IMAGE_ADVICE)[..., None], 3, axis=2)
    return _pixels(_opaque(path, picture, IMAGE_ADVICE), "RGB")


def read_mask(path: Path, grey: Grey = "refuse") -> np.ndarray:
    """(H, W) uint8 in {0, 1}: the mask cut at 128.

    Raises:
        FileNotFoundError: no such file.
        ValueError: as `read_image`; colour; a mask that is not black would be all background; more
            than 10 % of its pixels are grey, unless `grey` is "threshold" (levels that grade the
            agreement of several annotators).
    """
    return _mask(path, grey)[1].view(np.uint8)


def read_mask_grey_levels(path: Path, grey: Grey = "refuse") -> np.ndarray:
    """(H, W) uint8: the mask as it is stored, 0 to 255. Raises as `read_mask`."""
    return _mask(path, grey)[0]


def _mask(path: Path, grey: Grey) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) uint8 a mask's levels, and whether each is 128 or more."""
    values = _grey(path, "mask", MASK_ADVICE)
    labels = values >= 128
    # Graded votes may agree nowhere; below 32 they are no votes, but labels 0, 1, 2.
    if not labels.any() and 0 < values.max() < (128 if grey == "refuse" else 32):
        raise ValueError(
            f"{path} goes from {values.min()} to {values.max()} only, which would all be "
            f"background: {MASK_ADVICE}; if its levels grade the annotators' agreement, cut it at "
            "128 with --grey threshold"
        )
    if grey == "refuse":
        # One comparison: under 32 an 8-bit difference wraps round to 224 and above.
        share = np.count_nonzero(values - np.uint8(32) < 192) / values.size
        if share > GREY_LIMIT:
            raise ValueError(
                f"{path} is no binary mask: {share:.0%} of its pixels are grey (32 to 223). If "
                "its levels grade the annotators' agreement, cut it at 128 with --grey threshold"
            )
    return values, labels


def read_map(path: Path) -> np.ndarray:
    """(H, W) uint8: a predicted map.

    16 bits are rounded to the level that `predict` would have written, `round(255 * p)`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: as `read_image`; colour.
    """
    return _grey(path, "map", MAP_ADVICE)


def stored_size(path: Path) -> tuple[int, int]:
    """(H, W) of a picture as `read_image` gives it, without decoding a JPEG or PNG. Raises alike
    where it cannot be opened."""
    picture = _opened(path)
    height, width = picture.height, picture.width
    return (width, height) if _orientation(picture) >= 5 else (height, width)


def through_jpeg(pixels: np.ndarray, quality: int, subsampling: str) -> np.ndarray:
    """What is left of (H, W, 3) uint8 pixels once they were stored as a JPEG, in memory.

    Args:
        quality, subsampling: as Pillow's, 1 to 95 and "4:4:4", "4:2:2" or "4:2:0".
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    file.seek(0)
    return _pixels(JpegImageFile(file), "RGB")


def _grey(path: Path, kind: str, advice: str) -> np.ndarray:
    """(H, W) uint8 of a file whose channels must all be equal."""
    picture = _decoded(path)
    if _is_deep(picture):
        return _in_8_bits(path, picture, advice)
    picture = _opaque(path, picture, advice)
    if picture.mode in ("1", "L", "LA"):
        return _pixels(picture, "L")
    red, green, blue = np.moveaxis(_pixels(picture, "RGB"), -1, 0)
    if not (np.array_equal(red, green) and np.array_equal(green, blue)):
        raise ValueError(f"{path} has colours, but a {kind} must be grey: {advice}")
    return red.copy()


def _pixels(picture: Image.Image, mode: str) -> np.ndarray:
    """Writable, as torch asks. (Converting to the mode that it has would copy it.)"""
    return np.array(picture if picture.mode == mode else picture.convert(mode))


def _opaque(path: Path, picture: Image.Image, advice: str) -> Image.Image:
    """The picture, its palette resolved where it has transparent colours.

    Raises:
        ValueError: some of its pixels are transparent.
    """
    if not picture.has_transparency_data:
        return picture
    picture = picture.convert("LA" if picture.mode in ("1", "L", "LA") else "RGBA")
    if np.asarray(picture.getchannel("A")).min() < 255:
        raise ValueError(
            f"{path} has transparent pixels, and what shows through them is not known: {advice}, "
            "without an alpha channel"
        )
    return picture


def _is_deep(picture: Image.Image) -> bool:
    """Whether it has one channel of more than 8 bits."""
    return picture.mode.startswith("I") or picture.mode == "F"


def _in_8_bits(path: Path, picture: Image.Image, advice: str) -> np.ndarray:
    """(H, W) uint8, `round(v / 257)`: of 16 bits, 65535 becomes 255.

    Raises:
        ValueError: floats and other numbers whose range is not known; 8-bit levels that were stored
            as 16 bits, which would all be black.
    """
    values = np.asarray(picture)
    if picture.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"{path} holds floats or 32 bits, whose range is not known: {advice}")
    if 0 < values.max() < 256:
        raise ValueError(
            f"{path} has 16 bits but goes to {values.max()} of 65535 only, which would all be "
            f"black: {advice}, in 8 bits"
        )
    if picture.has_transparency_data:
        raise ValueError(f"{path} has a transparent level: {advice}, without one")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _decoded(path: Path) -> Image.Image:
    """The whole picture, upright."""
    picture = _opened(path)
    try:
        picture.load()
    except Exception as error:  # what a decoder meets in a damaged file may raise anything
        raise _unreadable(path, error) from error
    if picture.mode == "P" and picture.palette is None:
        raise _unreadable(path, "its palette is missing")
    turn = TURNS.get(_orientation(picture))
    return picture if turn is None else picture.transpose(turn)


def _opened(path: Path) -> ImageFile:
    """The picture, not decoded yet: one frame, not too large, a PNG's checksums right."""
    data = read(path)
    reader = next((FORMATS[first] for first in FORMATS if data.startswith(first)), None)
    if reader is None:
        raise _unreadable(path, "it begins as no JPEG or PNG does" if data else "it is empty")
    try:
        chunks = _png_chunks(data) if reader is PngImageFile else set()
        picture = reader(io.BytesIO(data))
        frames = getattr(picture, "n_frames", 1)
    except Exception as error:  # as above
        raise _unreadable(path, error) from error
    if frames > 1:
        raise ValueError(f"{path} has {frames} frames: save the one that is meant as a PNG")
    if picture.width * picture.height > MAX_PIXELS:
        raise ValueError(
            f"{path} is {picture.width} x {picture.height}, more than {MAX_PIXELS // 10**6} "
            "million pixels: make it smaller"
        )
    bits = data[24] if reader is PngImageFile else _tiff_bits(picture)
    if picture.mode == "LAB" or (bits > 8 and not _is_deep(picture)):
        # Pillow would keep the upper 8 bits: unrounded, and all 0 of levels up to 255.
        raise ValueError(f"{path} is {picture.mode} of {bits} bits: {IMAGE_ADVICE}")
    # An orientation may follow a PNG's pixels; Pillow turns a TIFF as it decodes it.
    if reader is TiffImageFile or (b"eXIf" in chunks and "exif" not in picture.info):
        try:
            picture.load()
        except Exception as error:  # as above
            raise _unreadable(path, error) from error
    return picture


def _tiff_bits(picture: ImageFile) -> int:
    """Bits a channel; 8 of what is no TIFF."""
    return max(picture.tag_v2.get(258, (1,))) if isinstance(picture, TiffImageFile) else 8


def _png_chunks(data: bytes) -> set[bytes]:
    """The kinds of a PNG's chunks. Raises ValueError if one is cut or damaged: Pillow does not
    check the pixels' own checksums, and would read one damaged PNG in four as another picture."""
    kinds, start = set(), 8
    while b"IEND" not in kinds:
        end = start + 12 + int.from_bytes(data[start : start + 4], "big")
        if end > len(data):
            raise ValueError("it is cut off")
        kind = data[start + 4 : start + 8]
        if zlib.crc32(data[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise ValueError(f"the checksum of its part {kind!r} is wrong")
        if kind == b"eXIf" and kind in kinds:
            raise ValueError("it has two EXIF parts, of which one at most can be right")
        kinds.add(kind)
        start = end
    return kinds


def _orientation(picture: ImageFile) -> int:
    """1 to 8, as EXIF numbers them; 1 where the EXIF is damaged, and says nothing or nonsense."""
    try:
        # Not PngImageFile's own, which decodes the picture.
        found = Image.Image.getexif(picture).get(ExifTags.Base.Orientation, 1)
        return int(found) if found in TURNS else 1
    except Exception:
        return 1


def _unreadable(path: Path, why: object) -> ValueError:
    return ValueError(
        f"{path} cannot be read, it is damaged or no image ({why}): copy it again from its source"
    )
