"""What reading maps into every score costs, as ratios to decoding their PNGs, in one run.

    python benchmarks/evaluation.py --masks DIR [--maps 5000] [--repeats 5]

Maps are made for the given masks, then each contender is timed in turn, round after round, in this
process on one thread; medians are reported, and each contender's peak memory in a process of its
own. torchmetrics, netcal and PySODMetrics are measured where they are installed. Writes
`benchmarks/results/evaluation.json` and the table in `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timing import peak_megabytes, put_in_readme, rounds
from torch.nn import functional as F
from tqdm import tqdm

from aslp_lib.evaluation.maps import ReadOptions, count_folders
from aslp_lib.files import write
from aslp_lib.metrics import scores
from aslp_lib.metrics.counts import Counts

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "evaluation.json"
START, END = "<!-- evaluation -->", "<!-- end of evaluation -->"


def make_maps(masks: Path, target: Path) -> int:
    """Smooth, over-confident maps of the masks, unsure at edges, as `target/maps` beside
    `target/masks`; returns how many."""
    rng = np.random.default_rng(0)
    for folder in ("maps", "masks"):
        (target / folder).mkdir(parents=True)
    paths = sorted(p for p in masks.iterdir() if p.suffix == ".png")
    for path in tqdm(paths, desc="making maps", leave=False):
        mask = np.asarray(Image.open(path).convert("L")) >= 128
        inside = torch.from_numpy(mask.astype(np.float32))[None, None]
        edge = F.avg_pool2d(inside, 31, 1, 15, count_include_pad=False)
        noise = torch.from_numpy(rng.normal(size=(1, 1, 12, 12)).astype(np.float32))
        noise = F.interpolate(noise, size=mask.shape, mode="bilinear")
        levels = (255 * torch.sigmoid(1.5 * noise + 9 * (edge - 0.5))).round().byte()[0, 0]
        Image.fromarray(levels.numpy()).save(target / "maps" / path.name, compress_level=1)
        (target / "masks" / path.name).symlink_to(path.resolve())
    return len(paths)


def repeat(folder: Path, target: Path, number: int) -> None:
    """So many maps: the folder's, come round again and again as links."""
    for kind in ("maps", "masks"):
        (target / kind).mkdir(parents=True)
        paths = sorted((folder / kind).iterdir())
        for i in range(number):
            (target / kind / f"m{i:06d}.png").symlink_to(paths[i % len(paths)].resolve())


def pairs(folder: Path):
    for path in sorted((folder / "maps").iterdir()):
        with Image.open(path) as level_map, Image.open(folder / "masks" / path.name) as mask:
            yield np.asarray(level_map), np.asarray(mask.convert("L"))


def decode(folder: Path) -> None:
    """The floor: both files as arrays, nothing done with them."""
    for _ in pairs(folder):
        pass


def ours(folder: Path, workers: int = 1) -> Counts:
    """Every score of the library but weighted F."""
    reading = ReadOptions(weighted_f=False, num_workers=workers)
    counts = count_folders(folder / "maps", folder / "masks", reading, progress=False)
    scores(counts)
    return counts


def ours_two_workers(folder: Path) -> None:
    ours(folder, workers=2)


def torchmetrics_ece(folder: Path) -> None:
    """One number: ECE, 10 bins."""
    from torchmetrics.classification import BinaryCalibrationError

    metric = BinaryCalibrationError(n_bins=10)
    for level_map, mask in pairs(folder):
        p = torch.from_numpy(level_map.astype(np.float32) / 255)
        metric.update(p, torch.from_numpy((mask >= 128).astype(np.int64)))
    metric.compute()


def netcal_ece(folder: Path) -> None:
    """One number: ECE, 10 bins."""
    from netcal.metrics import ECE

    maps, masks = zip(*pairs(folder), strict=True)
    p = np.concatenate([m.ravel() for m in maps]) / 255
    ECE(10).measure(p, np.concatenate([m.ravel() >= 128 for m in masks]).astype(int))


def pysodmetrics(folder: Path) -> None:
    """MAE, S, E and F; not weighted F."""
    import py_sod_metrics as sod

    metrics = [sod.MAE(), sod.Smeasure(), sod.Emeasure(), sod.Fmeasure()]
    for level_map, mask in pairs(folder):
        for metric in metrics:
            metric.step(pred=level_map, gt=mask)


CONTENDERS: dict[str, tuple[Callable, str | None]] = {
    "decode": (decode, None),
    "ours": (ours, None),
    "ours_two_workers": (ours_two_workers, None),
    "torchmetrics_ece": (torchmetrics_ece, "torchmetrics"),
    "netcal_ece": (netcal_ece, "netcal"),
    "pysodmetrics": (pysodmetrics, "py_sod_metrics"),
}
TITLES = {
    "decode": "decoding maps and masks (PIL), the floor",
    "ours": "every score here but weighted F, one thread",
    "ours_two_workers": "the same, two workers",
    "torchmetrics_ece": "torchmetrics, ECE alone",
    "netcal_ece": "netcal, ECE alone",
    "pysodmetrics": "PySODMetrics: MAE, S, E, F",
}


def peak(name: str, folder: Path) -> float:
    """Peak memory of a contender in a process of its own, in MB (Linux)."""
    command = [sys.executable, __file__, "--peak", name, str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(folder: Path, repeats: int) -> dict[str, dict[str, float]]:
    there = [n for n, (_, module) in CONTENDERS.items() if not module or _installed(module)]
    median = rounds({name: partial(CONTENDERS[name][0], folder) for name in there}, repeats)
    memory = {name: peak(name, folder) for name in there}
    return {
        name: {
            "seconds": median[name],
            "ratio": median[name] / median["decode"],
            "megabytes_over_decoding": memory[name] - memory["decode"],
        }
        for name in there
    }


def table(results: dict) -> str:
    """Markdown."""
    lines = [
        f"{results['images']} maps, {results['megapixels']:.1f} million pixels, medians of "
        f"{results['repeats']} interleaved rounds, {results['date']}; {results['machine']}; "
        f"{results['versions']}.",
        "",
        "| | time / decoding | peak MB over decoding |",
        "|---|---:|---:|",
    ]
    for name, row in results["contenders"].items():
        lines.append(
            f"| {TITLES[name]} | {row['ratio']:.2f} | {row['megabytes_over_decoding']:.0f} |"
        )
    many = results["many"]
    lines += [
        "",
        f"{many['images']:,} maps: {many['microseconds']:.0f} microseconds a map on one thread, "
        f"{many['megabytes_over_decoding']:.0f} MB over decoding, of which the counts themselves "
        f"are {many['counts_megabytes']:.0f}.",
    ]
    return "\n".join(lines)


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--maps", type=int, default=5000, help="of the memory test")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.peak:
        CONTENDERS[arguments.peak[0]][0](Path(arguments.peak[1]))
        print(peak_megabytes())
        return
    with tempfile.TemporaryDirectory() as temporary:
        few, many = Path(temporary) / "few", Path(temporary) / "many"
        images = make_maps(arguments.masks, few)
        contenders = measure(few, arguments.repeats)
        repeat(few, many, arguments.maps)
        start = time.perf_counter()
        counts = ours(many)
        spent = time.perf_counter() - start
        over = peak("ours", many) - peak("decode", many)
        pixels = sum(level_map.size for level_map, _ in pairs(few))
    results = {
        "date": str(date.today()),
        "machine": f"{platform.machine()}, one thread of {os.cpu_count()} processors",
        "versions": ", ".join(
            f"{name} {version(name)}"
            for name in ("numpy", "torch", "pillow", "torchmetrics", "netcal", "pysodmetrics")
            if _installed(name.replace("pysodmetrics", "py_sod_metrics").replace("pillow", "PIL"))
        ),
        "images": images,
        "megapixels": pixels / 1e6,
        "repeats": arguments.repeats,
        "contenders": contenders,
        "many": {
            "images": arguments.maps,
            "microseconds": 1e6 * spent / arguments.maps,
            "megabytes_over_decoding": over,
            "counts_megabytes": (counts.table.nbytes + counts.quadrants.nbytes) / 2**20,
        },
    }
    write(RESULTS, json.dumps(results, indent=1) + "\n")
    put_in_readme(table(results), START, END)
    print(table(results))


if __name__ == "__main__":
    main()
