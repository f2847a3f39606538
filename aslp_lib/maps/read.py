"""Reading of image files: photographs, masks and maps. Arrays are read by `maps.slabs`.

Pillow decodes the files. The format is detected from the content, not the suffix: JPEG, PNG, or
single-frame TIFF, GIF or WebP. A file is read as an image viewer shows it: its EXIF orientation and
palette are applied, and 16 bits are scaled to 8. Any other file raises an error that names it. No
file is read in part (except an MPO, of which only the first image is read), or differently from
what a viewer shows. A JPEG has no checksums, so data that are wrong or missing before its end
marker cannot be detected.
"""

import io
from collections import Counter
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import ExifTags, Image, ImageOps
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import ChunkStream, PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from aslp_lib.checks import explained, require, short_repr
from aslp_lib.files import read


class PNG(PngImageFile):
    """Pillow's decoder of PNG, which here refuses files that it would read otherwise than a viewer.

    Pillow alone neither compares the checksums of pixel data, nor notices if these end early.
    """

    once = (b"IHDR", b"PLTE", b"tRNS", b"eXIf")
    """Chunks that determine how a PNG looks. If one is repeated, Pillow uses the last one, and a
    viewer uses the first one or refuses the file."""
    last_byte = b""
    """Last byte of the compressed data that were read."""

    def _open(self) -> None:
        assert self.fp is not None
        self.fp.seek(8)  # after the signature
        kinds = ChunkStream(self.fp).verify()
        for kind, number in Counter(kinds).items():
            # A capital letter marks what a decoder must understand.
            critical = kind[:1].isupper() and kind != b"IDAT"
            if number > 1 if kind in self.once else critical:
                raise ValueError(f"Pillow would ignore a chunk {kind.decode()}")
        self.late = {b"eXIf", b"tEXt", b"zTXt", b"iTXt"} & {*kinds[kinds.index(b"IDAT") :]}
        """Kinds of chunks after the pixels that may hold the orientation."""
        self.fp.seek(0)
        super()._open()

    def load_read(self, read_bytes: int) -> bytes:
        """Return the next compressed data, all but the last byte, which belongs to a checksum.

        Without it, the data have no end at which Pillow would stop before the last row.
        """
        data = self.last_byte
        while len(data) < 2 and (more := super().load_read(read_bytes)):
            data += more
        self.last_byte = data[-1:]
        return data[:-1]


FORMATS: dict[bytes, type[ImageFile]] = {
    # MPO files, which phones write, hold several JPEGs; only the first one is read.
    b"\xff\xd8\xff": JpegImageFile,
    b"\x89PNG\r\n\x1a\n": PNG,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
    b"GIF8": GifImageFile,
    b"RIFF": WebPImageFile,
}
"""Decoders by the first bytes of a file. `Image.open` is not used: it warns of a large image before
the image can be rejected, and it supports formats that run other programs."""

MAX_PIXELS = 100_000_000
"""Largest number of pixels; a larger image, which would take over 300 MB, raises an error."""

GREY_LIMIT = 0.10
"""Largest share of grey pixels in a binary mask. Masks with more of them are photographs, or
averages over annotators."""

IGNORED = 255
"""Label of the pixels to ignore in what `read_mask` returns."""

CLASSES_ADVICE = (
    "with several classes, name them with --classes, or write masks of one against the rest, as "
    "docs/own_folders.md#several-classes shows"
)
"""What to do with masks of several classes, for messages."""
Grey = Literal["refuse", "threshold"]
"""Treatment of masks that are not binary: raise an error, or threshold them at 128."""

DARK, BRIGHT = 32, 224
"""Grey levels below `DARK` are almost black, those from `BRIGHT` are almost white, and those in
between are grey."""

AREA_SHARE = 1 / 4
"""Smallest share of a grey level's pixels that have only equal neighbours, if it fills areas. It is
at most 15 % in smooth edges and traces of JPEG compression (in 97 masks that were resized, blurred
or compressed in 84 ways)."""

MASK_ADVICE = f"Store the object as 255 and the background as 0, in greyscale; {CLASSES_ADVICE}"
VOTES_ADVICE = "If its grey levels average several annotators, use --grey threshold"
CLASS_ADVICE = "Store the class of each pixel as grey level or index of a palette, in a PNG"

Kind = Literal["image", "mask", "map"]
ADVICE: dict[Kind, str] = {
    "image": "Save it as an 8-bit RGB JPEG or PNG",
    "mask": MASK_ADVICE,
    "map": "Store round(255 * p), in greyscale",
}
"""What to do with a file whose numbers cannot be used, for messages."""
UNSCALED: dict[Kind, int] = {"image": 4095, "mask": 255, "map": 255}
"""Largest value of a 16-bit file that may hold numbers without scaling: 8-bit grey levels, or in a
photograph the 12 bits of a camera. Such a file is refused.

Scaling a photograph by its own largest value, or guessing 12 bits, would give the images of a
folder different scales. A map with values up to 4095 is legal: its largest probability is 6 %.
"""


def read_image(path: Path) -> np.ndarray:
    """Read a photograph as RGB.

    16 bits are scaled by the same factor in every image: 65535 becomes 255. If no value is above
    4095, the image may hold 12 bits and would become almost black, which is an error. So are
    transparent pixels, because their colour is not defined.

    Returns:
        (H, W, 3) uint8.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or ambiguous; the message says why.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "red.png"
    ...     Image.new("RGB", (3, 2), "red").save(path)
    ...     read_image(path).shape, read_image(path)[0, 0].tolist()
    ((2, 3, 3), [255, 0, 0])
    """
    return _pixels(_opaque(path, _decoded(path), "image"), "RGB")


def read_mask(path: Path, grey: Grey = "refuse", ignore_index: int | None = None) -> np.ndarray:
    """Read a mask and threshold it at 128: grey levels of at least 128 are foreground.

    Args:
        grey: "refuse" raises an error if more than 10 % of the pixels are grey; "threshold" accepts
            them, for masks that average several annotators. "refuse" also raises an error if the
            grey levels look like class indices or a label to ignore, see `is_binary`.
        ignore_index: grey level of pixels to ignore, or their index in a palette. If an image has
            a palette, its indices are then read instead of its colours; and if all other pixels
            are 0 or 1, those are the labels, without a threshold. A grey palette that shows the
            background brighter than the object raises an error.

    Returns:
        (H, W) uint8 in {0, 1}, and `IGNORED` where the pixel is to be ignored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or ambiguous, has colours or is not binary, or all its
            pixels would be background although some are not black.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mask.png"
    ...     Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).save(path)
    ...     read_mask(path).tolist()
    [[0, 1], [1, 0]]
    """
    if ignore_index is None:
        return (read_mask_grey_levels(path, grey) >= 128).view(np.uint8)
    image = _decoded(path)
    values = _pixels(image, "P") if image.mode == "P" else _grey(path, image, "mask")
    ignored = values == ignore_index
    values[ignored] = 0
    first = 1 if values.max() <= 1 else 128
    if image.mode == "P":
        _check_palette_order(path, image, np.unique(values), first, ignore_index)
    if first > 1:
        _check_binary(path, values, grey, ignoring=True)
        values = (values >= first).view(np.uint8)
    values[ignored] = IGNORED
    return values


def read_class_ids(path: Path) -> np.ndarray:
    """Read the numbers of a mask of several classes: grey levels, or indices if it has a palette.

    Returns:
        (H, W) integers or booleans, as they are stored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, has colours or an alpha channel, or is a JPEG, which does
            not keep numbers.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mask.png"
    ...     Image.fromarray(np.array([[0, 1], [2, 0]], np.uint8)).save(path)
    ...     read_class_ids(path).tolist()
    [[0, 1], [2, 0]]
    """
    image = _decoded(path)
    if isinstance(image, JpegImageFile) or image.mode not in ("1", "L", "P", "I", "I;16"):
        kind = f"{'a JPEG' if isinstance(image, JpegImageFile) else 'an image'} ({image.mode})"
        raise ValueError(f"{path} is {kind}; expected a mask of class ids. {CLASS_ADVICE}.")
    return np.asarray(image)


def read_mask_grey_levels(path: Path, grey: Grey = "refuse") -> np.ndarray:
    """Read the grey levels of a mask, without a threshold.

    Returns:
        (H, W) uint8 grey levels, 0 to 255.

    Raises:
        FileNotFoundError, ValueError: see `read_mask`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mask.png"
    ...     Image.fromarray(np.array([[0, 100], [200, 255]], np.uint8)).save(path)
    ...     read_mask_grey_levels(path, grey="threshold").tolist()
    [[0, 100], [200, 255]]
    """
    values = _grey(path, _decoded(path), "mask")
    _check_binary(path, values, grey)
    return values


def _check_binary(path: Path, values: np.ndarray, grey: Grey, ignoring: bool = False) -> None:
    """Raise ValueError unless grey levels are those of a mask, see `read_mask`.

    Args:
        ignoring: pixels to ignore were named, and are 0 here.
    """
    if not _intermediate(values):
        return
    # Averages over annotators may stay below 128. Maxima below 32 indicate class indices (0, 1, 2).
    if values.max() < (128 if grey == "refuse" else DARK):
        votes = f" {VOTES_ADVICE}." if values.max() >= DARK else ""
        raise ValueError(
            f"{path} has grey levels {values.min()} to {values.max()} only, so all pixels would be "
            f"background; expected a mask. {MASK_ADVICE}.{votes}"
        )
    if grey == "refuse":
        share = _intermediate(values, DARK) / values.size
        if share > GREY_LIMIT:
            problem = f"{share:.0%} of its pixels are grey ({DARK} to {BRIGHT - 1})"
        elif not is_binary(values):
            levels = short_repr(np.unique(values).tolist())
            problem = f"its grey levels {levels} look like classes or a label for pixels to ignore"
        else:
            return
        ignore = "" if ignoring else "; if one marks pixels to ignore, use --ignore-index"
        raise ValueError(
            f"{path} is not a binary mask: {problem}; expected an object and a background, with "
            f"smooth edges at most. {MASK_ADVICE}. {VOTES_ADVICE}{ignore}."
        )


def _check_palette_order(
    path: Path, image: Image.Image, indices: np.ndarray, first: int, ignore_index: int
) -> None:
    """Raise ValueError if a grey palette shows an index of the background as the object.

    Other masks of a folder may be greyscale, where the object is bright. Colours say nothing.

    Args:
        indices: the indices of the image's pixels.
        first: smallest index of the object. If it is 1, the colours of 0 and 1 are compared even if
            no pixel has them, so that all images with this palette are treated alike.
    """
    palette = np.array(image.getpalette()).reshape(-1, 3)
    known = np.union1d(indices, [0, 1] if first == 1 else [])
    known = known[(known != ignore_index) & (known < len(palette))].astype(int)
    colours = palette[known]
    if (colours != colours[:, :1]).any():
        return
    brightest = colours[known < first, 0].max(initial=0)
    if brightest > colours[known >= first, 0].min(initial=127):
        raise ValueError(
            f"{path} has a palette whose indices below {first}, which are background, have grey "
            f"levels up to {brightest}; expected darker ones than those of the object, because "
            f"--ignore-index reads indices instead of colours. {MASK_ADVICE}."
        )


def require_ignored_label(ignore_index: int | None, ignored: bool, has_object: bool) -> None:
    """Raise ValueError if `ignore_index` marks no pixel of a set of masks, or all of the object.

    Args:
        ignored: a mask has such a pixel.
        has_object: a mask shows an object besides.
    """
    if ignore_index is None:
        return
    name, advice = "ignore_index", "Correct --ignore-index, or leave it out."
    require(name, ignore_index, ignored, f"the grey level of a pixel of some mask. {advice}")
    expected = (
        "another grey level than the object's, because all other pixels of the masks are "
        f"background. Leave --ignore-index out if it is the object's; {CLASSES_ADVICE}."
    )
    require(name, ignore_index, has_object, expected)


def is_binary(values: np.ndarray) -> bool:
    """Return whether the grey levels of a mask are those of an object and its background.

    Other grey levels are accepted as smooth edges or as traces of compression. Both consist of many
    grey levels between black and white that fill no area. A mask is therefore not binary if

    - three grey levels fill areas, such as two classes and the background, or an object, the
      background and pixels to ignore; neighbouring levels count as one, and so do almost white
      ones; or
    - there are several dark grey levels, one other level and nothing in between, such as 0 and 15
      and 255: the indices of small or thin objects, and a label for pixels to ignore.

    Args:
        values: (H, W) uint8 grey levels.

    >>> mask = np.zeros((8, 8), np.uint8)
    >>> mask[2:6, 2:6] = 255
    >>> mask[1, 2:6] = 100  # a smooth edge
    >>> classes = np.where(mask == 100, 1, mask)  # an object of class 1, on top of ignored pixels
    >>> is_binary(mask), is_binary(classes)
    (True, False)
    """
    if not _intermediate(values):
        return True
    counts = np.bincount(values.ravel(), minlength=256)
    levels = np.flatnonzero(counts)
    dark = np.count_nonzero(levels < DARK)
    if 1 < dark == len(levels) - 1:
        return False
    middle = values[:, 1:-1]
    row = (middle == values[:, :-2]) & (middle == values[:, 2:])
    inner, centre = row[1:-1] & row[:-2] & row[2:], middle[1:-1]
    inner &= (centre == middle[:-2]) & (centre == middle[2:])
    areas = np.bincount(centre[inner], minlength=256) >= np.maximum(AREA_SHARE * counts, 1)
    filled = np.flatnonzero(areas[:BRIGHT])
    runs = np.count_nonzero(np.diff(filled) > 1) + min(1, len(filled))
    return bool(runs + (levels[-1] >= BRIGHT) <= 2)


def _intermediate(values: np.ndarray, lowest: int = 1) -> int:
    """Count the pixels from a grey level to almost white."""
    # A single comparison suffices: for darker levels, the 8-bit difference wraps round.
    return int(np.count_nonzero(values - np.uint8(lowest) < BRIGHT - lowest))


def read_map(path: Path, *, floats: bool = False) -> np.ndarray:
    """Read a predicted map.

    A 16-bit map is scaled to 8 bits, so that its values are rounded as `predict` rounds them,
    `round(255 * p)`.

    Args:
        floats: accept float TIFFs.

    Returns:
        (H, W) uint8 grey levels; or the numbers of a float TIFF, float32.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or ambiguous, or has colours.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "map.png"
    ...     Image.fromarray(np.array([[0, 128, 255]], np.uint8)).save(path)
    ...     read_map(path).tolist()
    [[0, 128, 255]]
    """
    image = _decoded(path)
    if floats and image.mode == "F":
        return np.array(image)
    return _grey(path, image, "map")


def stored_size(path: Path) -> tuple[int, int]:
    """Return the size (H, W) of an image after its EXIF orientation is applied.

    JPEG and PNG are not decoded, except for a PNG whose orientation may follow its pixels.

    Raises:
        FileNotFoundError, ValueError: see `read_image`; only errors that the header reveals.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Image.new("RGB", (3, 2)).save(Path(folder) / "a.png")
    ...     stored_size(Path(folder) / "a.png")
    (2, 3)
    """
    image = _opened(path)
    # Pillow applies the orientation of a TIFF when it decodes the image.
    if isinstance(image, TiffImageFile) or (isinstance(image, PNG) and image.late):
        with _decoding(path):
            image.load()
    with suppress(Exception):  # EXIF may be damaged
        # PngImageFile's own `getexif` would decode the image.
        if Image.Image.getexif(image).get(ExifTags.Base.Orientation) in (5, 6, 7, 8):
            return image.width, image.height
    return image.height, image.width


def refuse_other_size(path: Path, shape: tuple[int, ...], mask: tuple[int, ...]) -> None:
    """Raise ValueError unless an image or a map has the shape of its mask, (H, W) or (D, H, W).

    >>> refuse_other_size(Path("a.jpg"), (6, 8), (6, 9))
    Traceback (most recent call last):
    ValueError: a.jpg is 8 x 6, but its mask is 9 x 6; expected equal sizes. Resize one to match.
    """
    if shape != mask:
        size, expected = (" x ".join(map(str, reversed(each))) for each in (shape, mask))
        advice = "Rotate one (EXIF counts)" if shape == mask[::-1] else "Resize one"
        problem = f"{path} is {size}, but its mask is {expected}; expected equal sizes"
        raise ValueError(f"{problem}. {advice} to match.")


def through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Compress an image as JPEG in memory, with 4:2:0 colour subsampling, and decode it again.

    Args:
        pixels: (H, W, 3) uint8, RGB.
        quality: Pillow's JPEG quality, 1 to 95.

    >>> through_jpeg(np.full((8, 8, 3), 128, np.uint8), 75).shape
    (8, 8, 3)
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    file.seek(0)
    return _pixels(JpegImageFile(file), "RGB")


def _grey(path: Path, image: Image.Image, kind: Kind) -> np.ndarray:
    """Return the pixels of a mask or a map as (H, W) uint8; its channels must be equal."""
    image = _opaque(path, image, kind)
    if image.mode in ("1", "L", "LA"):
        return _pixels(image, "L")
    red, green, blue = np.moveaxis(_pixels(image, "RGB"), -1, 0)
    if not (np.array_equal(red, green) and np.array_equal(green, blue)):
        raise ValueError(f"{path} has colours; expected a grey {kind}. {ADVICE[kind]}.")
    return red.copy()


def _pixels(image: Image.Image, mode: str) -> np.ndarray:
    """Return the pixels as an array, which is writable because torch requires it."""
    # Converting to the mode that the image already has would only copy it.
    return np.array(image if image.mode == mode else image.convert(mode))


def _opaque(path: Path, image: Image.Image, kind: Kind) -> Image.Image:
    """Return an image of 8 bits whose pixels are opaque; one with transparency data is LA or RGBA.

    Raises:
        ValueError: some pixels are transparent, or more than 8 bits cannot be scaled to 8.
    """
    transparent = image.has_transparency_data
    if _is_deep(image):
        image = Image.fromarray(_in_8_bits(path, np.asarray(image), kind))
    elif transparent:
        image = image.convert("LA" if image.mode in ("1", "L", "LA") else "RGBA")
        transparent = np.asarray(image.getchannel("A")).min() < 255
    if transparent:
        raise ValueError(
            f"{path} has transparent pixels, whose colour is undefined; expected opaque ones, "
            f"without an alpha channel. {ADVICE[kind]}."
        )
    return image


def _is_deep(image: Image.Image) -> bool:
    """Return whether the image has one channel of more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def _in_8_bits(path: Path, values: np.ndarray, kind: Kind) -> np.ndarray:
    """Scale 16 bits to (H, W) uint8, `round(v / 257)`: 65535 becomes 255.

    Raises:
        ValueError: the values are floats or other numbers of unknown range; or the largest is at
            most `UNSCALED`, so that the image would become almost black.
    """
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 65535:
        problem = "holds floats or 32-bit integers, whose range is unknown; expected 8 or 16 bits"
    elif 0 < values.max() <= UNSCALED[kind]:
        problem = (
            f"has 16 bits, but its largest value is {values.max()} of 65535, so it would be almost "
            "black; expected values over the full range, or 8 bits. If it holds "
            f"{UNSCALED[kind].bit_length()} bits, multiply all files of the folder by "
            f"{65535 // UNSCALED[kind]}"
        )
    else:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    raise ValueError(f"{path} {problem}. {ADVICE[kind]}.")


def _decoded(path: Path) -> Image.Image:
    """Decode a whole image and apply its EXIF orientation.

    Raises:
        ValueError: the file is damaged or ambiguous, or does not hold every pixel.
    """
    image = _opened(path)
    with _decoding(path):
        image.load()
        if image.mode == "P":
            colours = len(image.palette.palette) // 3 if image.palette else 0
            if (largest := np.asarray(image).max()) >= colours:
                raise ValueError(f"a pixel has colour {largest} of a palette of {colours}")
    with suppress(Exception):  # EXIF may be damaged
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _opened(path: Path) -> ImageFile:
    """Open an image and check all that its header reveals."""
    data = read(path)
    decoder = next((FORMATS[first] for first in FORMATS if data.startswith(first)), None)
    with _decoding(path):
        if decoder is None:
            raise ValueError("unknown format" if data else "empty file")
        image = decoder(io.BytesIO(data))
        image.tile = [_in_native_order(tile) for tile in image.tile]
        # Tag 258 of a TIFF holds the bits of each channel; other formats than PNG and TIFF have 8.
        bits = data[24] if decoder is PNG else max(getattr(image, "tag_v2", {}).get(258, (8,)))
        if problem := _problem(image, bits):
            raise ValueError(problem)
    return image


def _problem(image: ImageFile, bits: int) -> str:
    """Describe why Pillow would not return the whole image as a viewer shows it, if so.

    Args:
        bits: bits of each channel in the file.
    """
    tags, deep = getattr(image, "tag_v2", {}), _is_deep(image)
    pixels, frames = image.width * image.height, getattr(image, "n_frames", 1)
    if frames > 1:
        return f"it has {frames} frames instead of one: save the right one"
    if pixels > MAX_PIXELS:
        return f"it has {pixels:,} pixels, more than {MAX_PIXELS:,}: make it smaller"
    # Of more than 8 bits, it would keep the upper 8 in colours, so that values up to 255 become 0;
    # and it would not scale them in greyscale, so that 12 bits become almost black.
    if image.mode == "LAB" or (bits not in (16, 32) if deep else bits > 8):
        return f"{image.mode} of {bits} bits"
    if deep and tags.get(262) == 0:
        return "greyscale where 0 is white"  # It inverts only up to 8 bits.
    if bits < 32 and 2 in tags.get(339, ()):
        return "signed numbers"  # It reads 8 of them as unsigned.
    # Pillow leaves pixels of no part as they are: of a TIFF without its last strip, or of a GIF
    # whose frame is smaller than the image. A planar TIFF has parts for each channel.
    parts = [tile[1] or (0, 0, *image.size) for tile in image.tile]
    decoded = sum((right - left) * (low - top) for left, top, right, low in parts)
    planes = tags.get(277, 1) if tags.get(284) == 2 else 1
    return "some of its pixels are missing" if parts and decoded < planes * pixels else ""


def _in_native_order(tile: Any) -> Any:
    """Correct how Pillow will read a part of a TIFF, one of the tuples in `ImageFile.tile`.

    libtiff, which reads compressed files, returns numbers in the byte order of the processor.
    Pillow (10.3 to 13.0) expects 32-bit numbers in the order of the file, so it would swap them.
    """
    decoder, *place, arguments = tile
    if decoder != "libtiff":
        return tile
    mode, *others = arguments
    # The class of `tile` depends on Pillow's version, but is always a tuple.
    arguments = (mode.replace(";32B", ";32N"), *others)
    return tuple.__new__(type(tile), (decoder, *place, arguments))


def _decoding(path: Path) -> AbstractContextManager[None]:
    """Turn any error, as decoders may raise for a damaged file, into a ValueError with the path."""
    problem = f"{path} cannot be read: it is damaged or not an image that can be read as it looks"
    expected = (
        "a JPEG, PNG, TIFF, GIF or WebP of 8 bits, or 16 in greyscale. Copy it again from its "
        "source, or save it as an 8-bit PNG."
    )
    return explained(problem, expected, Exception)
