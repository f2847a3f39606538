"""What reading maps into every score costs, as ratios to decoding their PNGs, in one run.

    python benchmarks/evaluation.py --masks DIR [--maps 5000] [--repeats 5]

Maps are made for the given masks, as saturated as real ones are, and written as Pillow does by
default. Each contender is timed in turn, round after round, in this process on one thread, in
processor time, and the least of the rounds is taken: others on the machine only ever add to it. Two
workers are timed by the clock on the wall, and the command `score`, start-up included, by the
processor time of its process. Peak memory is of a process of its own. torchmetrics, netcal and
PySODMetrics are measured where they are installed. Writes `benchmarks/results/evaluation.json` and
the table in `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
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
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter
from timing import peak_megabytes, put_in_readme, rounds
from tqdm import tqdm

from aslp_lib.data.images import read_map, read_mask
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.files import write
from aslp_lib.metrics import scores
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.maps import ReadOptions, count_folders

RESULTS = Path(__file__).parent / "results" / "evaluation.json"
COMMAND_MAPS = 1000
START, END = "<!-- evaluation -->", "<!-- end of evaluation -->"


LOWEST, HIGHEST = 0.67, 0.15
"""Shares of pixels at level 0 and at 255, as of U2-Net's maps of ECSSD."""


def make_maps(masks: Path, target: Path) -> int:
    """Maps of the masks as `target/maps` beside `target/masks`: wrong here and there, certain but
    for smooth edges and some regions; returns how many."""
    rng = np.random.default_rng(0)
    for folder in ("maps", "masks"):
        (target / folder).mkdir(parents=True)
    paths = sorted(masks.glob("*.png"))
    fields = [_field(path, rng) for path in tqdm(paths, desc="making maps", leave=False)]
    sample = np.concatenate([field.ravel()[::16] for field in fields])
    low, high = np.quantile(sample, [LOWEST, 1 - HIGHEST])
    for path, field in zip(paths, fields, strict=True):
        levels = np.rint(255 * np.clip((field - low) / (high - low), 0, 1)).astype(np.uint8)
        Image.fromarray(levels).save(target / "maps" / path.name)
        (target / "masks" / path.name).symlink_to(path.resolve())
    return len(paths)


def _field(path: Path, rng: np.random.Generator) -> np.ndarray:
    """(H, W) how much speaks for foreground: the mask near and far, and coarse noise."""
    mask = Image.open(path).convert("L").point(lambda level: 255 * (level >= 128))
    near, far = (np.asarray(mask.filter(ImageFilter.BoxBlur(r)), np.float32) / 255 for r in (4, 31))
    noise = Image.fromarray(rng.normal(size=(12, 12)).astype(np.float32))
    coarse = np.asarray(noise.resize(mask.size, Image.Resampling.BILINEAR))
    return 9 * near + 3 * far + 1.5 * coarse


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


def reading(folder: Path) -> None:
    """Both files decoded and checked by the library."""
    for path in sorted((folder / "maps").iterdir()):
        read_mask(folder / "masks" / path.name)
        read_map(path)


def counting(folder: Path) -> None:
    """And counted."""
    for path in sorted((folder / "maps").iterdir()):
        Counts.from_map(read_map(path), read_mask(folder / "masks" / path.name))


def ours(folder: Path, workers: int = 1) -> Counts:
    """Every score of the library but weighted F."""
    reading = ReadOptions(weighted_f=False, num_workers=workers)
    counts = count_folders(folder / "maps", folder / "masks", reading, progress=False)
    scores(counts)
    return counts


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


CONTENDERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "decode": ("decoding maps and masks (PIL)", decode),
    "reading": ("decoding and checking them, here", reading),
    "counting": ("and counting", counting),
    "ours": ("every score here but weighted F, one thread", ours),
    "torchmetrics_ece": ("torchmetrics, ECE alone", torchmetrics_ece),
    "netcal_ece": ("netcal, ECE alone", netcal_ece),
    "pysodmetrics": ("PySODMetrics: MAE, S, E, F", pysodmetrics),
    "ours_two_workers": ("every score here, two workers, by the clock", partial(ours, workers=2)),
}
"""Name -> title in the table, and what is timed."""
PACKAGES = ("numpy", "torch", "pillow", "torchmetrics", "netcal", "pysodmetrics")
"""The packages whose versions are recorded; a contender's name begins with that of its own."""
COMMANDS = {
    "score --help": ["--help"],
    "score": [],
    "score --report": ["--report", "report.html"],
    "score --report --out": ["--report", "report.html", "--out", "scores.json"],
}
"""Flags of the command; all of them leave weighted F out."""


def command(folder: Path, flags: list[str]) -> None:
    """The command `score`, in a process of its own."""
    asked = ["--maps", folder / "maps", "--masks", folder / "masks", "--no-weighted-f"]
    words = [sys.executable, "-m", "aslp_lib", "score", *asked, "--num-workers", "1", *flags]
    subprocess.run(words, check=True, capture_output=True, cwd=folder)


def processor_seconds() -> float:
    """Processor time of this process and of those that it waited for."""
    return sum(os.times()[:4])


def peak(name: str, folder: Path) -> float:
    """Peak memory of a contender in a process of its own, in MB (Linux)."""
    command = [sys.executable, __file__, "--peak", name, str(folder)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(folder: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Seconds, ratios to decoding and memory of the contenders that are installed."""
    lacking = [package for package in PACKAGES if not installed(package)]
    there = [name for name in CONTENDERS if name.removesuffix("_ece") not in lacking]
    memory = {name: peak(name, folder) for name in there}
    jobs = {name: partial(CONTENDERS[name][1], folder) for name in there}
    threaded = jobs.pop("ours_two_workers")
    seconds = rounds(jobs, repeats, time.process_time, min)
    by_clock = rounds({"decode": jobs["decode"], "ours": threaded}, repeats, take=min)
    pairs = {name: (each, seconds["decode"]) for name, each in seconds.items()}
    pairs["ours_two_workers"] = by_clock["ours"], by_clock["decode"]
    return {
        name: {
            "seconds": own,
            "ratio": own / decoding,
            "megabytes_over_decoding": memory[name] - memory["decode"],
        }
        for name, (own, decoding) in pairs.items()
    }


def measure_command(folder: Path, images: int, repeats: int) -> dict:
    """The command on so many maps, against decoding them; start-up included."""
    jobs = {name: partial(command, folder, flags) for name, flags in COMMANDS.items()}
    jobs = {"decode": partial(decode, folder), **jobs}
    seconds = rounds(jobs, repeats, processor_seconds, min)
    ratios = {name: seconds[name] / seconds["decode"] for name in COMMANDS}
    return {"images": images, "seconds": seconds, "ratios": ratios}


def table(results: dict) -> str:
    """Markdown."""
    many, commands = results["many"], results["command"]
    seconds, ratios = commands["seconds"], commands["ratios"]
    contenders = [
        [CONTENDERS[name][0], f"{row['ratio']:.2f}", f"{row['megabytes_over_decoding']:.0f}"]
        for name, row in results["contenders"].items()
    ]
    parts = [
        f"{results['images']} maps, {results['megapixels']:.1f} million pixels, "
        f"{results['lowest']:.0%} of them at 0 and {results['highest']:.0%} at 255; the least of "
        f"{results['repeats']} interleaved rounds, processor time; {results['date']}; "
        f"{results['machine']}; {results['versions']}.",
        markdown_table(["", "time / decoding", "peak MB over decoding"], contenders),
        f"The command on {commands['images']:,} such maps, start-up included (decoding: "
        f"{seconds['decode']:.2f} s):",
        markdown_table(
            ["", "seconds", "/ decoding"],
            [[f"`{name}`", f"{seconds[name]:.2f}", f"{ratios[name]:.2f}"] for name in COMMANDS],
        ),
        f"{many['images']:,} maps: {many['microseconds']:.0f} microseconds a map on one thread, "
        f"{many['megabytes_over_decoding']:.0f} MB over decoding, of which the counts themselves "
        f"are {many['counts_megabytes']:.0f}.",
    ]
    return "\n\n".join(parts)


def installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--maps", type=int, default=5000, help="of the memory test")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.peak:
        CONTENDERS[arguments.peak[0]][1](Path(arguments.peak[1]))
        print(peak_megabytes())
        return
    with tempfile.TemporaryDirectory() as temporary:
        few, many, thousand = (Path(temporary) / n for n in ("few", "many", "thousand"))
        images = make_maps(arguments.masks, few)
        contenders = measure(few, arguments.repeats)
        repeat(few, many, arguments.maps)
        start = time.process_time()
        counts = ours(many)
        spent = time.process_time() - start
        over = peak("ours", many) - peak("decode", many)
        repeat(few, thousand, COMMAND_MAPS)
        commands = measure_command(thousand, COMMAND_MAPS, min(arguments.repeats, 3))
        levels = ours(few).pooled.sum(axis=0)
    results = {
        "date": str(date.today()),
        "machine": f"{platform.machine()}, one thread of {os.cpu_count()} processors",
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES if installed(name)),
        "images": images,
        "megapixels": int(levels.sum()) / 1e6,
        "lowest": levels[0] / levels.sum(),
        "highest": levels[-1] / levels.sum(),
        "repeats": arguments.repeats,
        "contenders": contenders,
        "command": commands,
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
