"""Strategies of hypothesis that spoil a good file: a few bytes, or one part of its format.

Checksums and compression are made right again, so that a reader gets as far as the part that is
wrong.
"""

from __future__ import annotations

import json
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st

from aslp_lib.tensors import load_tensors, save_tensors

Draw = Callable[[st.SearchStrategy], Any]
NUMBERS = (0, 1, 2, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**32 - 1)
WORDS = [n.to_bytes(4, order) for n in NUMBERS for order in ("little", "big")]
VALUES = (
    *(None, True, 0, -1, 2, 0.5, -0.0, 1e-320, 1e308, 2**63, float("nan"), float("inf")),
    *("", "x", "nan", "../..", "a\0b", "\ud800", "1" * 5000, [], [[]], {}, {"": {}}, [1.0] * 50),
)


@st.composite
def any_bytes(draw: Draw, data: bytes) -> bytes:
    """A file of any format with bytes that are cut out, put in, doubled or changed."""
    content = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.sampled_from((start, start + 1, start + 4, start + 64, len(content))))
        double = st.just(2 * bytes(content[start:end]))
        content[start:end] = draw(st.sampled_from(WORDS) | double | st.binary(max_size=8))
    return bytes(content)


@st.composite
def parts(draw: Draw, whole: list[tuple], change: Callable) -> list[tuple]:
    """Named parts of a file, one of which is missing, there twice, renamed or changed."""
    at = draw(st.integers(0, len(whole) - 1))
    name, content = whole[at]
    renamed = (draw(st.sampled_from([name for name, _ in whole])), content)
    changed = (name, draw(change(content)))
    new = draw(st.sampled_from(([], 2 * [whole[at]], [renamed], [changed], [changed, changed])))
    return [*whole[:at], *new, *whole[at + 1 :]]


@st.composite
def picture(draw: Draw, data: bytes) -> bytes:
    """An image file; of a PNG a chunk that is wrong, or one more."""
    if not data.startswith(b"\x89PNG") or draw(st.booleans()):
        return draw(any_bytes(data))
    chunks, start = [], 8
    while start < len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        kind, body = data[start + 4 : start + 8], data[start + 8 : start + 8 + length]
        chunks.append((kind, zlib.decompress(body) if kind == b"IDAT" else body))
        start += length + 12
    kinds = st.sampled_from((b"tRNS", b"PLTE", b"eXIf", b"acTL", b"fcTL", b"iCCP", b"zTXt"))
    bomb = b"a\0\0" + zlib.compress(bytes(10**7))
    bodies = st.sampled_from((b"", bytes(range(256)) * 3, bomb)) | st.binary(max_size=40)
    if draw(st.booleans()):
        chunks.insert(draw(st.integers(1, len(chunks))), (draw(kinds), draw(bodies)))
    file = data[:8]
    for kind, body in draw(st.just(chunks) | parts(chunks, any_bytes)):
        stored = zlib.compress(body) if kind == b"IDAT" else body
        checksum = struct.pack(">I", zlib.crc32(kind + stored))
        file += struct.pack(">I", len(stored)) + kind + stored + checksum
    return file


@st.composite
def tree(draw: Draw, whole: dict) -> dict:
    """A dict with one value, at any depth, that is missing, renamed or another."""
    whole = json.loads(json.dumps(whole))
    place, keys = whole, list(whole)
    while keys:
        inside, key = place, draw(st.sampled_from(keys))
        place = inside[key]
        keys = list(place) if isinstance(place, dict) else []
    if draw(st.integers(0, 3)):
        number = place if isinstance(place, int | float) else 1
        near = st.sampled_from((-number, number + 1, 0.1 * number, [place], str(place)))
        inside[key] = draw(near | st.sampled_from(VALUES))
    else:
        inside[draw(st.sampled_from(("", "colour", f"{key}s")))] = inside.pop(key)
    return whole


@st.composite
def json_text(draw: Draw, data: bytes) -> bytes:
    text = json.dumps(draw(tree(json.loads(data))))
    return draw(st.just(text.encode()) | any_bytes(data))


@st.composite
def safetensors(draw: Draw, data: bytes) -> bytes:
    """Tensors or facts of which one is wrong, with a SHA-256 that is right."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        tensors, facts = load_tensors(path)
        odd = (torch.zeros(()), torch.full((3,), torch.nan), torch.ones(2, 2).long())
        if not tensors or draw(st.booleans()):
            facts = draw(tree(facts))
        else:
            tensors = dict(draw(parts(list(tensors.items()), lambda _: st.sampled_from(odd))))
        save_tensors(path, tensors, facts)
        return draw(st.just(path.read_bytes()) | any_bytes(data))
