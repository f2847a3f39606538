"""Every kind of image file is read as it looks, or refused by its name."""

import io
import os
import re
import struct
import warnings
import zlib
from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageFilter

from aslp_lib.data.folders import Folder
from aslp_lib.maps.listing import read_list
from aslp_lib.maps.read import is_binary, read_image, read_map, read_mask, stored_size

# Not square, without a symmetry, and small steps that only a lossless file keeps.
LEVELS = np.zeros((24, 40), np.uint8)
LEVELS[4:16, 8:30] = 255
LEVELS[4:6, 8:12] = 250
GREY = Image.fromarray(LEVELS)
COLOURS = Image.merge("RGB", [GREY, GREY.transpose(Image.Transpose.ROTATE_180), GREY])
BLACK = Image.new("L", GREY.size)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


TURNED = exif(6)  # to be turned by 90 degrees to the right
UPRIGHT = np.rot90(LEVELS, -1)


def saved(picture, kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def scaled(top, dtype=np.uint8):
    """LEVELS, with `top` in the place of 255."""
    return Image.fromarray((LEVELS.astype(float) * top / 255).round().astype(dtype))


def with_alpha(picture, alpha):
    picture = picture.copy()
    picture.putalpha(alpha)
    return picture


def in_palette(*colours):
    """LEVELS cut into two colours of a palette."""
    picture = Image.fromarray((LEVELS > 127).astype(np.uint8))
    picture.putpalette(np.ravel(colours).tolist())
    return picture


def several(kind):
    return saved(GREY, kind, save_all=True, append_images=[Image.new("L", GREY.size, 90)])


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width, height, bits, colour, interlaced=0):
    values = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    return chunk(b"IHDR", values)


PLTE = chunk(b"PLTE", bytes(range(6)))  # two colours


def png(*parts, rows=b""):
    """A PNG by hand, of what Pillow does not write."""
    parts = (*parts, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(picture, changed, order="<", compression=1):
    """A TIFF by hand, of any numbers, in the order of bytes "<" or ">", with changed tags."""
    values = np.asarray(picture)
    values = values.astype(values.dtype.newbyteorder(order))
    pixels = {1: bytes, 8: zlib.compress}[compression](values.tobytes())
    height, width = values.shape
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = {256: width, 257: height, 258: 8 * values.itemsize, 259: compression, 262: 1, 273: 8}
    tags |= {277: 1, 278: height, 279: len(pixels), 339: kind, **changed}
    first = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8 + len(pixels))
    entries = [struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags.items()]
    return b"".join([first, pixels, struct.pack(f"{order}H", len(tags)), *entries, bytes(4)])


def flipped(data):
    """One bit of the pixels is wrong."""
    place = data.index(b"IDAT") + 14
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]


PALETTE = GREY.convert("P")
PNG, GIF, JPEG = saved(GREY), saved(GREY, "GIF"), saved(COLOURS, "JPEG", quality=95)
RAW_EXIF = b"Raw profile type exif\0\0" + zlib.compress(
    b"\nexif\n 34\n" + TURNED.tobytes().hex().encode()
)
XMP = b"XML:com.adobe.xmp" + bytes(5) + b'<x xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'


def with_last(kind, data, file=PNG):
    """A PNG with one more chunk after the pixels."""
    return file[:-12] + chunk(kind, data) + file[-12:]


EXIF = b"eXIf", TURNED.tobytes()[6:]

# What shows the grey picture LEVELS (or that, turned), however it is stored.
AS_GREY = {
    "grey": (PNG, LEVELS),
    "a GIF of one frame": (GIF, LEVELS),
    "a lossless WebP": (saved(GREY.convert("RGB"), "WEBP", lossless=True), LEVELS),
    "grey in RGB": (saved(GREY.convert("RGB")), LEVELS),
    "grey and opaque in RGBA": (saved(with_alpha(GREY.convert("RGB"), 255)), LEVELS),
    "grey and opaque in LA": (saved(GREY.convert("LA")), LEVELS),
    "a palette": (saved(PALETTE), LEVELS),
    "a palette out of order": (saved(PALETTE.remap_palette(range(255, -1, -1))), LEVELS),
    "a transparent colour that no pixel has": (saved(PALETTE, transparency=77), LEVELS),
    "opaque colours": (saved(PALETTE, transparency=bytes([255] * 256)), LEVELS),
    "a transparent level that no pixel has": (saved(GREY, transparency=3), LEVELS),
    "black and white": (saved(GREY.convert("1", dither=0)), 255 * (LEVELS > 127)),
    "16 bits": (saved(scaled(65535, np.uint16)), LEVELS),
    "16 bits in a TIFF": (saved(scaled(65535, np.uint16), "TIFF"), LEVELS),
    "16 bits in 32": (saved(scaled(65535, np.int32), "TIFF"), LEVELS),
    "EXIF": (saved(GREY, exif=TURNED), UPRIGHT),
    "EXIF after the pixels": (with_last(*EXIF), UPRIGHT),
    "EXIF as text after the pixels": (with_last(b"zTXt", RAW_EXIF), UPRIGHT),
    "XMP after the pixels": (with_last(b"iTXt", XMP), UPRIGHT),
    "EXIF in a TIFF": (saved(GREY, "TIFF", exif=TURNED), UPRIGHT),
    "damaged EXIF": (saved(GREY, exif=b"Exif\0\0nonsense"), LEVELS),
    "an orientation that is none": (saved(GREY, exif=exif(60)), LEVELS),
}

ROWS = 2 * b"\0\xc8" + 3 * b"\0\xc8\xc8"

READERS = (read_image, read_mask, read_map, stored_size)
# What is refused as whatever it is read, and why.
REFUSED = {
    "a mask in the alpha channel": (saved(with_alpha(BLACK.convert("RGB"), GREY)), "transparent"),
    "transparent in LA": (saved(with_alpha(GREY, GREY)), "transparent"),
    "a transparent colour": (saved(PALETTE, transparency=0), "transparent.*without an alpha"),
    "a transparent level": (saved(GREY, transparency=0), "transparent"),
    "8-bit levels in 16 bits": (saved(scaled(255, np.uint16)), "is 255 of 65535.*or 8 bits. If it"),
    "colours of 16 bits": (png(header(2, 2, 16, 2), rows=bytes(26)), "RGB of 16 bits.* 8-bit PNG"),
    "32 bits": (saved(scaled(10**6, np.int32), "TIFF"), "floats or 32-bit.*range is unknown"),
    "floats": (saved(scaled(1, np.float32), "TIFF"), "floats or 32-bit"),
    "LAB": (saved(Image.new("LAB", (8, 8)), "TIFF"), "LAB of 8 bits"),
    "an animated GIF": (several("GIF"), "2 frames instead of one: save the right one"),
    "an animated PNG": (several("PNG"), "2 frames"),
    "an animated WebP": (several("WEBP"), "2 frames"),
    "a TIFF of pages": (several("TIFF"), "2 frames"),
    "a PNG cut off": (PNG[: len(PNG) // 2], "Truncated"),
    "a PNG without its end": (PNG[:-12], "truncated"),
    "a damaged PNG": (flipped(PNG), "checksum in b'IDAT'"),
    # The rows of all passes but the last, which would fill every second row.
    "an interlaced PNG that ends early": (png(header(4, 4, 8, 0, 1), rows=ROWS), "truncated"),
    "black and white that ends early": (png(header(9, 2, 1, 0), rows=b"\0\xff\x80"), "truncated"),
    "an unknown chunk": (PNG[:33] + chunk(b"CgBI", bytes(4)) + PNG[33:], "ignore a chunk CgBI"),
    "a PNG of two sizes": (png(header(4, 4, 8, 0), header(4, 2, 8, 0)), "ignore a chunk IHDR"),
    "a PNG of two palettes": (png(header(4, 4, 8, 3), PLTE, PLTE), "ignore a chunk PLTE"),
    "a palette that is missing": (png(header(2, 2, 8, 3), rows=bytes(6)), "of a palette of 0"),
    "a missing colour": (
        png(header(2, 2, 8, 3), PLTE, rows=b"\0\0\1\0\1\2"),
        "colour 2 of .* of 2",
    ),
    "16 bits where 0 is white": (tiff(scaled(65535, np.uint16), {262: 0}), "where 0 is white"),
    "12 bits": (tiff(scaled(4095, np.uint16), {258: 12}), "of 12 bits"),
    "signed numbers": (tiff(GREY, {339: 2}), "signed numbers"),
    "a TIFF without its last strip": (tiff(GREY, {278: 16}), "some of its pixels are missing"),
    "a GIF of which one part is drawn": (GIF[:8] + b"\x40" + GIF[9:], "its pixels are missing"),
    "EXIF before and after the pixels": (with_last(*EXIF, saved(GREY, exif=TURNED)), "chunk eXIf"),
    "a JPEG cut off": (JPEG[:-40], "truncated"),
    "a progressive JPEG cut off": (saved(COLOURS, "JPEG", progressive=True)[:-40], "truncated"),
    "the beginning of a JPEG": (JPEG[:4], "cannot be read"),
    "nothing": (b"", "empty file"),
    "text": (b"no picture", "cannot be read: it is damaged or not an image"),
    "a format that runs a program": (saved(GREY, "EPS"), "unknown format"),
    "no pixels": (png(header(0, 9, 8, 0)), "cannot be read"),
    "too many pixels": (png(header(20_000, 5_001, 8, 0)), "pixels, more than 1.*make it smaller"),
}


@pytest.fixture
def file(tmp_path):
    def write(data):
        path = tmp_path / "one.png"  # whatever it is
        path.write_bytes(data)
        return path

    return write


@pytest.mark.fault
@pytest.mark.parametrize("kind", AS_GREY)
def test_a_grey_picture_is_read_as_it_looks(file, kind):
    data, levels = AS_GREY[kind]
    path = file(data)
    np.testing.assert_array_equal(read_map(path), levels)
    np.testing.assert_array_equal(read_mask(path), levels > 127)
    np.testing.assert_array_equal(read_image(path), np.stack([levels] * 3, axis=2))
    assert stored_size(path) == levels.shape


@pytest.mark.fault
@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("read", READERS[:3])
def test_what_cannot_be_read_for_what_it_shows_is_refused_by_name(file, kind, read):
    data, why = REFUSED[kind]
    with warnings.catch_warnings(record=True) as warned, pytest.raises(ValueError) as refused:
        read(file(data))
    assert re.search(rf"one\.png .*{why}", str(refused.value))
    assert not warned


@pytest.mark.fault
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_an_image_of_12_bits_in_16_is_refused_and_no_image_has_a_scale_of_its_own(file, kind):
    """Grey levels would be at most 16; of maps, which are scaled alike, such values are legal."""
    camera = file(saved(scaled(4095, np.uint16), kind))
    with pytest.raises(ValueError, match=r"value is 4095 of .* 12 bits, multiply .* by 16\."):
        read_image(camera)
    np.testing.assert_array_equal(read_map(camera), (LEVELS * (4095 / 65535)).round())
    for top in (0, 4096, 16383):
        values = scaled(top, np.uint16)
        levels = (np.asarray(values) * (255 / 65535)).round()
        np.testing.assert_array_equal(read_image(file(saved(values, kind)))[..., 0], levels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, 8])
def test_numbers_of_a_tiff_are_those_that_were_stored(file, order, compression):
    """In both orders of bytes, of which libtiff and Pillow disagree if pixels are compressed."""
    values = np.linspace(0, 1, 24 * 40, dtype=np.float32).reshape(24, 40)
    stored = file(tiff(values, {}, order, compression))
    np.testing.assert_array_equal(read_map(stored, floats=True), values)
    numbers = np.arange(0, 65536, 64).reshape(32, 32) + np.arange(32)  # halves are never met
    for dtype in (np.uint16, np.int32):
        path = file(tiff(numbers.astype(dtype), {}, order, compression))
        np.testing.assert_array_equal(read_map(path), (numbers / 257).round())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation(file, orientation):
    plain = read_image(file(JPEG))
    path = file(saved(COLOURS, "JPEG", quality=95, exif=exif(orientation)))
    seen = read_image(path)
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}  # to the left
    mirrored = plain[:, ::-1] if orientation in (2, 4, 5, 7) else plain
    np.testing.assert_array_equal(seen, np.rot90(mirrored, turns[orientation]))
    assert stored_size(path) == seen.shape[:2]


def test_colours_of_an_image(file):
    for picture in (COLOURS, with_alpha(COLOURS, 255), COLOURS.quantize(8)):
        np.testing.assert_array_equal(read_image(file(saved(picture))), np.asarray(COLOURS))
    cmyk = read_image(file(saved(COLOURS.convert("CMYK"), "JPEG", quality=100)))
    assert np.abs(cmyk.astype(int) - np.asarray(COLOURS)).mean() < 4
    jpeg = read_image(file(JPEG))
    assert jpeg.flags.writeable  # or torch warns
    # Of a telephone's several pictures the first is read.
    data = saved(COLOURS, "MPO", quality=95, save_all=True, append_images=[BLACK.convert("RGB")])
    np.testing.assert_array_equal(read_image(file(data)), jpeg)


@pytest.mark.fault
@pytest.mark.parametrize(
    "picture",
    [
        in_palette((0, 0, 0), (128, 0, 0)),  # VOC's
        Image.merge("RGB", [GREY, BLACK, BLACK]),
        Image.merge("RGB", [GREY, GREY, scaled(254)]),
    ],
    ids=["VOC palette", "red", "almost grey"],
)
def test_colours_are_no_mask_and_no_map(file, picture):
    path = file(saved(picture))
    for read, advice in ((read_mask, "object as 255"), (read_map, r"round\(255 \* p\)")):
        with pytest.raises(ValueError, match=rf"one\.png has colours; .*{advice}"):
            read(path)


def with_areas(*areas):
    """A background of 0 with areas of other levels: the first row, the end, the level."""
    pixels = np.zeros((24, 40), np.uint8)
    for first, end, level in areas:
        pixels[first:end, 5:35] = level
    return Image.fromarray(pixels)


def scattered(*levels):
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.choice(levels, (24, 40)).astype(np.uint8))


def with_grey(level, pixels):
    """A white mask of 100 pixels, some of them of another level."""
    levels = np.full(100, 255, np.uint8)
    levels[:pixels] = level
    return Image.fromarray(levels.reshape(10, 10))


NOT_BINARY = r"is not a binary mask: .* \[{}\] .*255"
SHARE = "is not a binary mask: {}%.*--grey threshold"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("picture", "why"),
    [
        # Classes and labels to ignore: a threshold would take these for the object, or hide it.
        (with_areas((4, 16, 1), (16, 18, 255)), NOT_BINARY.format("0, 1, 255")),
        (with_areas((4, 16, 15), (16, 18, 255)), NOT_BINARY.format("0, 15, 255")),
        (with_areas((4, 5, 1), (8, 9, 2), (20, 24, 255)), NOT_BINARY.format("0, 1, 2, 255")),
        (scattered(0, 1, 255), NOT_BINARY.format("0, 1, 255")),
        (scattered(0, 7, 20, 255), NOT_BINARY.format("0, 7, 20, 255")),
        (with_areas((4, 7, 63), (16, 18, 255)), NOT_BINARY.format("0, 63, 255")),
        (with_areas((4, 20, 255), (4, 7, 128)), NOT_BINARY.format("0, 128, 255")),  # at an edge
        (Image.fromarray(np.uint8([[0, 1], [255, 255]])), NOT_BINARY.format("0, 1, 255")),
        *((scaled(top), f"has grey levels 0 to {top} .*object as") for top in (1, 31, 32, 127)),
        (scaled(128), SHARE.format(28)),
        *((with_grey(level, 11), SHARE.format(11)) for level in (32, 127, 128, 223)),
    ],
)
def test_a_mask_that_is_not_binary_is_refused_unless_it_is_to_be_cut(file, picture, why):
    """At 128. If it is almost black, it would all be background."""
    levels, path = np.asarray(picture), file(saved(picture))
    with pytest.raises(ValueError, match=rf"one\.png {why}"):
        read_mask(path)
    if levels.max() < 32:
        with pytest.raises(ValueError, match="would be background"):
            read_mask(path, "threshold")
    else:  # of 127 at most: annotators who nowhere agree
        np.testing.assert_array_equal(read_mask(path, "threshold"), levels > 127)


def test_areas_of_two_grey_levels_are_two_classes_even_if_the_levels_are_close():
    assert is_binary(np.asarray(with_areas((4, 16, 140))))
    assert not is_binary(np.asarray(with_areas((4, 9, 140), (12, 18, 142))))
    assert is_binary(np.asarray(with_areas((4, 9, 140), (12, 18, 141))))  # of one area, compressed


LARGE = GREY.resize((200, 120), Image.Resampling.NEAREST)


@pytest.mark.parametrize(
    "picture",
    [
        *map(scaled, (0, 254)),
        with_areas((4, 16, 255), (6, 9, 254)),
        with_areas((4, 16, 224)),
        Image.new("L", (5, 4), 255),
        *(with_grey(level, 10) for level in (32, 127, 128, 223)),
        *(with_grey(level, 11) for level in (31, 224)),
        LARGE.filter(ImageFilter.GaussianBlur(1)),
        LARGE.rotate(20, Image.Resampling.BICUBIC),
        *(LARGE.resize((40 * n, 24 * n), n) for n in (2, 3)),  # bilinear and bicubic
        LARGE.resize((77, 50), Image.Resampling.BOX),
    ],
)
def test_few_grey_pixels_and_smooth_edges_leave_a_mask_binary(file, picture):
    path = file(saved(picture))
    np.testing.assert_array_equal(read_mask(path), np.asarray(picture) > 127)
    np.testing.assert_array_equal(read_mask(path), read_mask(path, "threshold"))


@pytest.mark.parametrize("quality", [10, 40, 69, 75, 95, 100])
def test_traces_of_compression_leave_a_mask_binary(file, quality):
    path = file(saved(LARGE, "JPEG", quality=quality))
    np.testing.assert_array_equal(read_mask(path), read_mask(path, "threshold"))


def test_a_missing_file_is_missing(tmp_path):
    for read in READERS:
        with pytest.raises(FileNotFoundError, match=r"none\.png"):
            read(tmp_path / "none.png")


def test_the_size_of_an_image_is_known_without_decoding_it(file):
    early = PNG[:8] + header(7, 9, 8, 0) + chunk(b"IDAT", b"no pixels") + PNG[-12:]
    assert stored_size(file(early)) == (9, 7)
    assert stored_size(file(JPEG[:-40])) == LEVELS.shape


def fingerprinted(path):
    return Folder("test", {"a": path}, {"a": path}, size=8).stored(0)


@pytest.mark.fault
@pytest.mark.parametrize("make", [os.mkfifo, partial(os.symlink, "/dev/zero"), os.mkdir])
@pytest.mark.parametrize("reader", [*READERS, read_list, fingerprinted])
def test_what_is_no_regular_file_is_not_read(tmp_path, reader, make):
    """Reading it might never end."""
    path = tmp_path / "a.png"
    make(path)
    with pytest.raises(ValueError, match=f"not a regular file: {re.escape(str(path))}"):
        reader(path)


@pytest.mark.fault
@pytest.mark.parametrize("compression", range(10))
@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (90, 3), (40, 40)])
def test_a_png_is_read_if_all_rows_are_there_however_its_data_are_cut(file, shape, compression):
    rng = np.random.default_rng([*shape, compression])
    levels = rng.choice([0, 7, 255], shape).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in levels)

    def in_parts(rows):
        data = zlib.compress(rows, compression)
        cut = rng.integers(len(data))
        parts = [chunk(b"IDAT", part) for part in (data[:cut], data[cut:-1], data[-1:])]
        return file(PNG[:8] + header(*shape[::-1], 8, 0) + b"".join(parts) + PNG[-12:])

    np.testing.assert_array_equal(read_map(in_parts(rows)), levels)
    with pytest.raises(ValueError, match="truncated"):
        read_map(in_parts(rows[: -1 - shape[1]]))
