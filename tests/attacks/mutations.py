"""Spoiled copies of good files: a few bytes wrong, or one part of the format that fits no other.

Every function takes a file's bytes and a generator and returns other bytes. What guards a part
(lengths, checksums, compression) is mostly made right again, so that a reader gets as far as the
part that is wrong.
"""

from __future__ import annotations

import copy
import io
import json
import re
import struct
import warnings
import zipfile
import zlib
from random import Random
from typing import Any

import numpy as np

NUMBERS = (0, 1, 2, 7, 8, 16, 127, 128, 255, 256, 32767, 65535, 65536, 10**5, 2**31 - 1, 2**32 - 1)
DEEP, LONG = "@deep@", "@long@"  # written out below: Python's own encoder would not
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 0.5, -0.0, 1e-320, 1e308, 10**30, 2**63, 2**64),
    *(float("nan"), float("inf"), float("-inf")),
    *("", "x", "false", "0", "None", "nan", "embedded", "../..", "a\0b", "a\nb", "\ud800", "é" * 9),
    *([], [[]], {}, {"": {}}, [None], ["bce", "bce"], [1.0] * 50, DEEP, LONG),
)


def spoiled(data: bytes, rng: Random) -> bytes:
    """Of any format."""
    held = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at, length = rng.randrange(len(held) + 1), rng.choice((1, 1, 2, 4, 8, 64, 999))
        match rng.randrange(7):
            case 0 if held:
                held[at % len(held)] ^= 1 << rng.randrange(8)
            case 1:
                order = rng.choice("<>") + rng.choice("BHI")
                size = struct.calcsize(order)
                value = rng.choice(NUMBERS) % 256**size
                held[at : at + size] = struct.pack(order, value)
            case 2:
                del held[at : at + length]
            case 3:
                held[at:at] = held[at : at + length] * rng.choice((1, 1, 50))
            case 4:
                held[at:at] = rng.randbytes(length)
            case 5:
                del held[at:]
            case 6:
                start = rng.randrange(len(held) + 1)
                held[at : at + length] = held[start : start + length]
    return bytes(held)


def text_list(data: bytes, rng: Random) -> bytes:
    """A list of stems."""
    lines = data.decode().splitlines()
    odd = ("../up", "/etc/passwd", "a\0b", "a\x85b", "a\x1bb", "a\u2028b", "a" * 10**5, "a.jpg")
    for _ in range(rng.choice((0, 1, 2, 5))):
        line = rng.choice((*odd, *lines, ".jpg", " ", "é", "\ufeffa", "b.JPG", "c.", "d.png.png"))
        lines.insert(rng.randrange(len(lines) + 1), line)
    if rng.random() < 0.02:
        lines += [f"line {i % 29_990}" for i in range(30_000)]
    end = rng.choice(("\n", "\n", "\r\n", "\r", "\n\n", "\x0b", "\0"))
    others = ("utf-8-sig", "utf-16", "utf-16-le", "latin-1", "utf-32")
    encoding = rng.choice(("utf-8",) * len(others) + others)
    data = end.join(lines).encode(encoding, "replace")
    return spoiled(data, rng) if rng.random() < 0.3 else data


def json_text(data: bytes, rng: Random) -> bytes:
    """JSON: values of another kind, keys that come, go or come twice, broken text."""
    tree = [json.loads(data)]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        _change(tree, rng)
    text = json.dumps(tree[0])
    text = text.replace(json.dumps(DEEP), _deep(rng)).replace(json.dumps(LONG), "1" * 10_000)
    if rng.random() < 0.05 and (keys := re.findall(r'"\w+": ', text)):
        key = rng.choice(keys)
        text = text.replace(key, f"{key}{json.dumps(rng.choice(VALUES[:20]))}, {key}", 1)
    data = text.encode()
    return spoiled(data, rng) if rng.random() < 0.1 else data


def _deep(rng: Random) -> str:
    depth = rng.choice((10, 900, 100_000))
    return rng.choice(("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth, "[" * depth))


def _change(tree: Any, rng: Random) -> None:
    """Changes one place of a tree of lists and dicts."""
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    if not keys:
        return
    key = rng.choice(keys)
    below = tree[key]
    if isinstance(below, (dict, list)) and below and rng.random() < 0.85:
        return _change(below, rng)
    match rng.randrange(6):
        case 0 if isinstance(tree, dict):
            del tree[key]
        case 1 if isinstance(tree, dict):
            tree[rng.choice(("", "colour", f"{key}s"))] = tree.pop(key)
        case 2 if isinstance(below, (int, float)):
            tree[key] = below * rng.choice((-1, 10, 0.1, 1e300)) + rng.choice((0, 1))
        case 3 if isinstance(below, str):
            tree[key] = spoiled(below.encode(errors="replace"), rng).decode("latin-1")
        case _:
            tree[key] = copy.deepcopy(rng.choice(VALUES))
    return None


def picture(data: bytes, rng: Random) -> bytes:
    """An image file of any kind."""
    if rng.random() < 0.2:
        return spoiled(data, rng)
    if data.startswith(b"\x89PNG"):
        return _png(data, rng)
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data, rng)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff(data, rng)
    # GIF and WebP: sizes and flags stand at the beginning.
    head = data[:64]
    return (spoiled(head, rng) if rng.random() < 0.6 else head) + (
        spoiled(data[64:], rng) if rng.random() < 0.6 else data[64:]
    )


def _png(data: bytes, rng: Random) -> bytes:
    parts, start = [], 8
    while start < len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        parts.append((data[start + 4 : start + 8], data[start + 8 : start + 8 + length]))
        start += length + 12
    at = rng.randrange(len(parts))
    kind, body = parts[at]
    match rng.randrange(8):
        case 0 | 1:
            width, height, *rest = struct.unpack(">IIBBBBB", parts[0][1])
            fields = [width, height, *rest]
            place = rng.randrange(7)
            fields[place] = rng.choice(NUMBERS) if place < 2 else rng.choice((0, 1, 2, 3, 4, 6, 16))
            parts[0] = (b"IHDR", struct.pack(">IIBBBBB", *fields))
        case 2:
            parts[at] = (kind, spoiled(body, rng))
        case 3:
            pixels = zlib.decompress(b"".join(body for kind, body in parts if kind == b"IDAT"))
            changed = (b"IDAT", zlib.compress(spoiled(pixels, rng)))
            parts = [part for part in parts if part[0] != b"IDAT"]
            parts.insert(-1, changed)
        case 4:
            del parts[at]
        case 5:
            parts.insert(rng.randrange(len(parts) + 1), (kind, body))
        case 6:
            kinds = (
                b"tRNS",
                b"PLTE",
                b"eXIf",
                b"acTL",
                b"fcTL",
                b"iCCP",
                b"zTXt",
                b"gAMA",
                b"xxxx",
            )
            text = b"a\0\0" + zlib.compress(bytes(10 ** rng.choice((1, 3, 8))))
            more = rng.choice((b"", bytes(3), bytes(range(256)) * 3, rng.randbytes(26), text))
            parts.insert(rng.randrange(1, len(parts) + 1), (rng.choice(kinds), more))
        case 7:
            rng.shuffle(parts)
    made = [data[:8]]
    for kind, body in parts:
        check = zlib.crc32(kind + body) ^ (rng.random() < 0.02)
        made.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check))
    return b"".join(made)


def _jpeg(data: bytes, rng: Random) -> bytes:
    parts, start = [], 2
    while data[start] == 0xFF and data[start + 1] != 0xDA:
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        parts.append((data[start + 1], data[start + 4 : start + 2 + length]))
        start += 2 + length
    rest, at = data[start:], rng.randrange(len(parts))
    marker, body = parts[at]
    match rng.randrange(6):
        case 0:
            place = next(i for i, (m, _) in enumerate(parts) if m in (0xC0, 0xC2))
            marker, body = parts[place]
            side = struct.pack(">H", rng.choice(NUMBERS) % 65536)
            cut = rng.choice((1, 3))
            parts[place] = (marker, body[:cut] + side + body[cut + 2 :])
        case 1:
            parts[at] = (marker, spoiled(body, rng))
        case 2:
            del parts[at]
        case 3:
            parts.insert(at, (marker, body))
        case 4:
            markers = (0xC0, 0xC1, 0xC2, 0xC4, 0xC9, 0xDB, 0xDD, 0xE0, 0xE1, 0xEE)
            parts[at] = (rng.choice(markers), body)
        case 5:
            rest = spoiled(rest, rng)
    head = b"".join(
        bytes([0xFF, m]) + struct.pack(">H", min(len(b) + 2, 65535)) + b for m, b in parts
    )
    return data[:2] + head + rest


def _tiff(data: bytes, rng: Random) -> bytes:
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack(order + "I", data[4:8])
    (entries,) = struct.unpack(order + "H", data[at : at + 2])
    place = at + 2 + 12 * rng.randrange(entries)
    field, kind = rng.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
    size = struct.calcsize(kind)
    value = struct.pack(order + kind, rng.choice(NUMBERS) % 256**size)
    return data[: place + field] + value + data[place + field + size :]


def npz(data: bytes, rng: Random) -> bytes:
    """NumPy's archive of arrays."""
    if rng.random() < 0.25:
        return spoiled(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    at = rng.randrange(len(members))
    name, body = members[at]
    match rng.randrange(6):
        case 0:
            del members[at]
        case 1:
            members[at] = (rng.choice((" ", "x.npy", "names.npy", "../up.npy")), body)
        case 2:
            members[at] = (name, spoiled(body, rng))
        case 3:
            members[at] = (name, _npy_header(body, rng))
        case 4:
            members.append((rng.choice((name, "more.npy")), body))
        case 5:
            members[at] = (name, _odd_array(rng))
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # of one name twice
        for name, body in members:
            archive.writestr(name, body)
    return made.getvalue()


def _npy_header(body: bytes, rng: Random) -> bytes:
    """Another type or shape for the same numbers."""
    size = struct.unpack("<H", body[8:10])[0]
    header = body[10 : 10 + size].decode()
    odd = (*NUMBERS, -1, 2**62, "1.5", "'a'", "[1]")
    sides = [str(rng.choice(odd)) for _ in range(rng.randrange(5))]
    types = ("|O", ">f8", "<i8", "<u8", "<i4", "|b1", "<c16", "<U3", "<U999999999", "|V8")
    if rng.random() < 0.5:
        header = re.sub(r"'shape': \(.*?\)", f"'shape': ({','.join(sides)},)", header)
    else:
        header = re.sub(r"'descr': '.*?'", f"'descr': '{rng.choice(types)}'", header)
    if rng.random() < 0.1:
        header = spoiled(header.encode(), rng).decode("latin-1")
    header = header.rstrip() + " " * 20 + "\n"
    return (
        body[:8]
        + struct.pack("<H", min(len(header), 65535))
        + header.encode("latin-1")
        + body[10 + size :]
    )


def _odd_array(rng: Random) -> bytes:
    shapes = ((), (0,), (2,), (2, 2, 256), (2, 2, 255), (2, 3, 256), (0, 2, 256), (2, 4, 2, 3))
    shape = rng.choice(shapes)
    kind = rng.choice(("i8", "f8", "u1", "U3", "O", "?", "c16", "f4"))
    array = np.full(shape, rng.choice((0, 1, -1, 2**62)), "i8").astype(kind)
    if kind == "f8":
        array[...] = rng.choice((float("nan"), float("inf"), -1.0, 0.5, 1e308))
    made = io.BytesIO()
    np.save(made, array, allow_pickle=True)
    return made.getvalue()


def safetensors(data: bytes, rng: Random) -> bytes:
    """Tensors behind a header of JSON, whose facts are JSON again."""
    (size,) = struct.unpack("<Q", data[:8])
    tree, numbers = json.loads(data[8 : 8 + size]), data[8 + size :]
    held = tree["__metadata__"]
    if rng.random() < 0.8:  # as of version 0.1, or what is spoiled would end at the checksum
        facts = json.loads(held["facts"])
        facts.pop("sha256", None)
        held["facts"] = json.dumps(facts)
    if rng.random() < 0.5:
        held["facts"] = json_text(held["facts"].encode(), rng).decode("latin-1")
    header = json.dumps(tree).encode()
    match rng.randrange(4):
        case 0:
            numbers = spoiled(numbers, rng)
        case 1:
            header = json_text(header, rng)
        case 2 if rng.random() < 0.2:
            header = spoiled(header, rng)
    stated = len(header) if rng.random() < 0.98 else rng.choice((*NUMBERS, 2**63))
    return struct.pack("<Q", stated) + header + numbers
