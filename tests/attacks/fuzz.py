"""Fuzzing of everything that reads a file: spoiled copies of good ones, for minutes a reader.

    python tests/attacks/fuzz.py [READER ...] [--minutes 10] [--seed 0]

A reader may give a right result, or refuse in words: ValueError or FileNotFoundError. Anything else
is a find: another exception, a wrong result, a crash, more than 20 seconds or 3 GiB. Each kind of
find is kept once, in `found/READER-NUMBER`, and read again by `test_fuzz.py`. A case is made from
the seed, the reader and its number alone.
"""

from __future__ import annotations

import argparse
import io
import itertools
import multiprocessing
import os
import re
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import mutations
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from aslp_lib import networks
from aslp_lib.config import PRESETS, Settings
from aslp_lib.data.images import read_image, read_map, read_mask, stored_size
from aslp_lib.data.listing import read_list
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import RECALIBRATIONS, Density, Histogram, Isotonic, Temperature
from aslp_lib.runs import MethodFolder, Run, load_weights
from aslp_lib.tensors import save_tensors
from aslp_lib.training import checkpoints
from aslp_lib.training.checkpoints import TrainingState

FOUND = Path(__file__).with_name("found")
SECONDS, GIBIBYTES = 20, 3
LARGEST_KEPT = 10_000
"""Bytes of a file in `found/`; another is made again from its number."""
REFUSED = (ValueError, FileNotFoundError)


@dataclass(frozen=True)
class Reader:
    """What is fuzzed.

    Args:
        file: the name that the file must have, in a folder of its own.
        seeds: good files.
        spoil: makes a bad one of a good one.
        read: reads it, and asserts that what it gives is right.
    """

    file: str
    seeds: Callable[[Path], Iterable[bytes]]
    spoil: Callable[[bytes, Random], bytes]
    read: Callable[[Path], None]

    def case(self, seeds: list[bytes], *origin: object) -> bytes:
        """The spoiled file of a seed, a reader's name and a number."""
        rng = Random("/".join(map(str, origin)))
        return self.spoil(rng.choice(seeds), rng)


def pictures(_: Path) -> Iterable[bytes]:
    levels = np.zeros((12, 20), np.uint8)
    levels[3:8, 4:15] = 255
    levels[3, 4:8] = 250, 128, 127, 9
    grey = Image.fromarray(levels)
    rgb = Image.merge("RGB", [grey, grey.transpose(Image.Transpose.ROTATE_180), grey])
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = Image.fromarray(levels.astype(np.uint16) * 257)
    opaque = grey.convert("RGB")
    opaque.putalpha(255)
    for picture in (
        grey,
        rgb,
        opaque,
        grey.convert("LA"),
        grey.convert("P"),
        grey.convert("1"),
        deep,
    ):
        yield written(picture, "PNG")
    yield written(grey, "PNG", exif=turned)
    yield written(grey.convert("P"), "PNG", transparency=77)
    for options in ({}, {"progressive": True}, {"exif": turned}, {"subsampling": 2}):
        yield written(rgb, "JPEG", **options)
    yield written(grey, "JPEG")
    yield written(rgb.convert("CMYK"), "JPEG")
    for picture in (grey, rgb, deep):
        for compression in (None, "tiff_lzw", "tiff_adobe_deflate"):
            yield written(picture, "TIFF", compression=compression)
    yield written(grey, "TIFF", exif=turned)
    yield written(grey, "GIF")
    yield written(rgb, "WEBP", lossless=True)
    yield written(rgb, "WEBP")


def written(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def an_image(path: Path) -> None:
    pixels = read_image(path)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (*stored_size(path), 3)


def a_map(path: Path) -> None:
    levels = read_map(path)
    assert levels.dtype == np.uint8
    assert levels.shape == stored_size(path)
    assert np.array_equal(read_image(path), np.stack([levels] * 3, axis=2))


def a_mask(path: Path) -> None:
    mask = read_mask(path)
    assert np.array_equal(mask, read_map(path) >= 128)
    assert np.array_equal(mask, read_mask(path, "threshold"))


def a_list(path: Path) -> None:
    stems = read_list(path)
    assert len(set(stems)) == len(stems) > 0
    assert all(stem.splitlines() == [stem.strip()] for stem in stems)
    assert all(stem.encode() in path.read_bytes() for stem in stems[:20])


def settings(_: Path) -> Iterable[bytes]:
    for preset in PRESETS.values():
        yield preset.to_json().encode()
    yield b'{"methods": ["bce", "gap"], "clip": 1.5, "technique": "HI", "hold": false}'  # of 0.1


def a_run(path: Path) -> None:
    read = Run.open(path.parent).settings
    assert Settings.from_json(read.to_json()) == read
    assert repr(read) == repr(Settings.from_json(read.to_json()))  # 1, 1.0 and True are equal


def counts(folder: Path) -> Iterable[bytes]:
    rng = np.random.default_rng(0)
    whole = Counts.from_maps(
        rng.integers(0, 256, (2, 9, 9), np.uint8), rng.integers(0, 2, (2, 9, 9), np.uint8)
    )
    for each in (
        Counts(whole.table, whole.quadrants, np.array([0.5, 0.25]), ("a", "b")),
        Counts(whole.table),
        Counts(whole.table.astype(float) / 3),
    ):
        each.save(folder / "seed.npz")
        yield (folder / "seed.npz").read_bytes()


def some_counts(path: Path) -> None:
    read = Counts.load(path)
    assert np.isfinite(read.table).all() and (read.table >= 0).all()
    assert all(isinstance(name, str) for name in read.names)
    read.save(path)
    assert np.array_equal(Counts.load(path).table, read.table)


def a_network() -> networks.DenseNetwork:
    return networks.build("tiny")


def weights(folder: Path) -> Iterable[bytes]:
    facts = {"network": "tiny", "method": "bce", "settings": Settings().to_json()}
    save_tensors(folder / "seed", a_network().state_dict(), facts)
    yield (folder / "seed").read_bytes()


def a_trained_network(path: Path) -> None:
    network = a_network()
    facts = load_weights(network, path)
    assert isinstance(facts, dict)
    assert all(value.isfinite().all() for value in network.state_dict().values())


TRAINED = Settings(methods=("calibration",), size=8)


def a_training() -> tuple[TrainingState, torch.optim.Optimizer]:
    network = nn.Conv2d(3, 1, 1)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3, 2, 2)).sum().backward()
    optimizer.step()
    return TrainingState(network, TRAINED.method("calibration", 3)), optimizer


def training(folder: Path) -> Iterable[bytes]:
    state, optimizer = a_training()
    state.log.append({"epoch": 1.0, "loss": 0.5})
    checkpoints.save(MethodFolder(folder), TRAINED, state, optimizer)
    yield MethodFolder(folder).checkpoint.read_bytes()


def a_checkpoint(path: Path) -> None:
    state, optimizer = a_training()
    checkpoints.restore(MethodFolder(path.parent), TRAINED, state, optimizer)
    parts = {"network": state.network.state_dict(), "method": state.method.state_dict()}
    for name, tensor in load_file(path).items():
        part, _, key = name.partition(".")
        if part in parts:
            torch.testing.assert_close(parts[part].pop(key), tensor, rtol=0, atol=0, equal_nan=True)
    assert not any(parts.values())
    checkpoints.write_log(MethodFolder(path.parent), state)
    optimizer.step()


def recalibrations(folder: Path) -> Iterable[bytes]:
    steps = Isotonic((-2.0, 0.5, 3.0), (-1.0, -1.0, 2.0))
    bins = Histogram(edges=(-2.0, 0.5), values=(-1.0, 1.0, 0.0))
    written = [kind() for kind in RECALIBRATIONS.values() if kind.suffix == ".json"]
    for each in (*written, steps, bins):
        each.save(folder / "seed")
        yield (folder / "seed").read_bytes()


def densities(folder: Path) -> Iterable[bytes]:
    stages = a_network().eval().pooled_features(torch.zeros(1, 3, 8, 8))
    channels = [each.shape[1] for each in stages]
    Density(
        neighbours=2,
        weights=(-0.5, *[-0.1] * len(channels)),
        means=(0.5,) * len(channels),
        deviations=(0.1,) * len(channels),
        references=tuple(torch.eye(3, each) for each in channels),
    ).save(folder / "seed")
    yield (folder / "seed").read_bytes()


def a_recalibration(path: Path) -> None:
    logits = torch.linspace(-9, 9, 24).view(1, 1, 4, 6)
    images = torch.arange(72).view(1, 3, 4, 6).to(torch.uint8)
    network = a_network().eval()
    text = path.read_text(errors="replace")
    named = [kind for name, kind in RECALIBRATIONS.items() if re.search(rf"\b{name}\b", text)]
    for kind in named or [Temperature]:
        changed = kind.load(path).apply_on_images(logits, images, network)
        assert changed.shape == logits.shape and not changed.isnan().any()


READERS = {
    "images": Reader("one.png", pictures, mutations.picture, an_image),
    "masks": Reader("one.png", pictures, mutations.picture, a_mask),
    "maps": Reader("one.png", pictures, mutations.picture, a_map),
    "lists": Reader(
        "list.txt",
        lambda _: (b"a\nb\nc_0001.jpg\n", "n\u00e4me\nb c\n".encode()),
        mutations.text_list,
        a_list,
    ),
    "settings": Reader("settings.json", settings, mutations.json_text, a_run),
    "counts": Reader("counts.npz", counts, mutations.npz, some_counts),
    "weights": Reader("weights.safetensors", weights, mutations.safetensors, a_trained_network),
    "checkpoints": Reader("last.safetensors", training, mutations.safetensors, a_checkpoint),
    "recalibrations": Reader("one.json", recalibrations, mutations.json_text, a_recalibration),
    "densities": Reader("one.safetensors", densities, mutations.safetensors, a_recalibration),
}


def outcome(read: Callable[[Path], None], path: Path) -> tuple[str, str]:
    """ "accepted" or "refused", or "find" and what it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
    except REFUSED:
        return "refused", ""
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return "find", f"{type(error).__name__} at {where}: {error}"
    return "accepted", ""


def work(
    reader: Reader, origin: tuple[object, ...], first: int, seeds: list[bytes], parent: Connection
) -> None:
    """In a process of its own: cases from `first` on, until it is stopped."""
    start = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (start + GIBIBYTES * 2**30,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libraries print of bad files
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / reader.file
        for number in itertools.count(first):
            path.write_bytes(reader.case(seeds, *origin, number))
            parent.send((number, *outcome(reader.read, path)))


def fuzz(name: str, minutes: float, seed: int) -> Counter[str]:
    """Fuzz one reader; how many cases were accepted, refused, and finds of each kind."""
    reader, context = READERS[name], multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        seeds = list(reader.seeds(Path(folder)))
    found: Counter[str] = Counter()
    kinds: set[str] = set()
    number, end = -1, time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=work, args=(reader, (seed, name), number + 1, seeds, there))
        child.start()
        there.close()
        kind = what = ""
        while time.monotonic() < end:
            try:
                kind, what = "find", f"over {SECONDS} s"
                if not here.poll(SECONDS):
                    break
                number, kind, what = here.recv()
            except EOFError:
                child.join()
                kind, what = "find", f"the process ended with {child.exitcode}"
                break
            found[kind] += 1
            if kind == "find":
                keep(name, number, reader.case(seeds, seed, name, number), what, kinds)
        else:
            kind = ""
        child.kill()
        child.join()
        if kind == "find":
            number += 1
            found[kind] += 1
            keep(name, number, reader.case(seeds, seed, name, number), what, kinds)
    return found


def keep(name: str, number: int, data: bytes, what: str, kinds: set[str]) -> None:
    """Say the first case of each kind of find, and write it if it is small."""
    kind = what.split(": ")[0]
    if kind not in kinds:
        kinds.add(kind)
        if len(data) < LARGEST_KEPT:
            FOUND.mkdir(exist_ok=True)
            (FOUND / f"{name}-{number}").write_bytes(data)
        print(f"{name} {number} ({len(data)} bytes): {what[:300]}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(READERS)}")
    parser.add_argument("--minutes", type=float, default=10.0, help="for each reader")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if unknown := set(asked.readers) - READERS.keys():
        parser.error(f"no reader {', '.join(sorted(unknown))}: choose of {', '.join(READERS)}")
    rows, finds = ["| reader | cases | accepted | refused | finds | minutes |", "|---" * 6 + "|"], 0
    for name in asked.readers or READERS:
        found = fuzz(name, asked.minutes, asked.seed)
        finds += found["find"]
        numbers = (found.total(), found["accepted"], found["refused"], found["find"])
        rows.append(f"| {name} | {' | '.join(f'{n:,}' for n in numbers)} | {asked.minutes:g} |")
        print(rows[-1], flush=True)
    print("\n".join(rows))
    return 1 if finds else 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main())
