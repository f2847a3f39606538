"""Runtime of scoring maps, from reading the files to all scores, relative to decoding their PNGs.

    python benchmarks/evaluation.py --masks DIR [--maps 5000] [--repeats 5]

Synthetic maps are made for the given masks, as saturated as real ones, and written with Pillow's
defaults. The contenders take turns, round after round, on one thread of this process. The result is
the lowest processor time of all rounds, because other processes can only increase it. Two workers
are timed by wall-clock time, and the command `score`, including start-up, by the processor time of
its process. Peak memory is measured in a separate process. torchmetrics, netcal and PySODMetrics
are measured if they are installed. The script writes `benchmarks/results/evaluation.json` and the
table in `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import torch
from harness import peak, publish, rounds
from PIL import Image, ImageFilter
from tqdm import tqdm

from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.maps.count import ReadOptions, count_folders
from aslp_lib.maps.read import read_map, read_mask
from aslp_lib.metrics import scores
from aslp_lib.metrics.counts import Counts

COMMAND_MAPS = 1000
"""Number of maps that the command scores."""
LOWEST, HIGHEST = 0.67, 0.15
"""Shares of pixels with grey level 0 and 255, as in U2-Net's maps of ECSSD."""


def make_maps(masks: Path, target: Path) -> int:
    """Make synthetic maps of the masks in `target/maps`, with links to the masks in `target/masks`.

    Some regions are wrong. Most pixels are at 0 or 255, except at smooth edges and in some regions.

    Returns:
        The number of maps.
    """
    rng = np.random.default_rng(0)
    for folder in ("maps", "masks"):
        (target / folder).mkdir(parents=True)
    paths = sorted(masks.glob("*.png"))
    fields = [_field(path, rng) for path in tqdm(paths, desc="making maps", leave=False)]
    sample = np.concatenate([field.ravel()[::16] for field in fields])
    low, high = np.quantile(sample, [LOWEST, 1 - HIGHEST])
    for path, field in zip(paths, fields, strict=True):
        grey_levels = np.rint(255 * np.clip((field - low) / (high - low), 0, 1)).astype(np.uint8)
        Image.fromarray(grey_levels).save(target / "maps" / path.name)
        (target / "masks" / path.name).symlink_to(path.resolve())
    return len(paths)


def _field(path: Path, rng: np.random.Generator) -> np.ndarray:
    """Return a field (H, W) of evidence for foreground: the blurred mask plus coarse noise."""
    mask = Image.open(path).convert("L").point(lambda grey_level: 255 * (grey_level >= 128))
    near, far = (np.asarray(mask.filter(ImageFilter.BoxBlur(r)), np.float32) / 255 for r in (4, 31))
    noise = Image.fromarray(rng.normal(size=(12, 12)).astype(np.float32))
    coarse = np.asarray(noise.resize(mask.size, Image.Resampling.BILINEAR))
    return 9 * near + 3 * far + 1.5 * coarse


def repeat(folder: Path, target: Path, number: int) -> None:
    """Make a folder with the given number of maps and masks, as repeated links to a folder's."""
    for kind in ("maps", "masks"):
        (target / kind).mkdir(parents=True)
        paths = sorted((folder / kind).iterdir())
        for i in range(number):
            (target / kind / f"m{i:06d}.png").symlink_to(paths[i % len(paths)].resolve())


def pairs(folder: Path):
    """Yield the maps and masks of a folder as arrays, decoded by Pillow."""
    for path in sorted((folder / "maps").iterdir()):
        with Image.open(path) as level_map, Image.open(folder / "masks" / path.name) as mask:
            yield np.asarray(level_map), np.asarray(mask.convert("L"))


def decode(folder: Path) -> None:
    """Decode maps and masks without using them: the lower bound."""
    for _ in pairs(folder):
        pass


def reading(folder: Path) -> None:
    """Decode and check maps and masks with the library."""
    for path in sorted((folder / "maps").iterdir()):
        read_mask(folder / "masks" / path.name)
        read_map(path)


def counting(folder: Path) -> None:
    """Decode, check and count maps and masks with the library."""
    for path in sorted((folder / "maps").iterdir()):
        Counts.from_map(read_map(path), read_mask(folder / "masks" / path.name))


def ours(folder: Path, workers: int = 1) -> Counts:
    """Compute every score of the library except weighted F."""
    reading = ReadOptions(weighted_f=False, num_workers=workers)
    counts = count_folders(folder / "maps", folder / "masks", reading, progress=False)
    scores(counts)
    return counts


def torchmetrics_ece(folder: Path) -> None:
    """Compute the ECE with 10 bins by torchmetrics."""
    from torchmetrics.classification import BinaryCalibrationError

    metric = BinaryCalibrationError(n_bins=10)
    for level_map, mask in pairs(folder):
        p = torch.from_numpy(level_map.astype(np.float32) / 255)
        metric.update(p, torch.from_numpy((mask >= 128).astype(np.int64)))
    metric.compute()


def netcal_ece(folder: Path) -> None:
    """Compute the ECE with 10 bins by netcal."""
    from netcal.metrics import ECE

    maps, masks = zip(*pairs(folder), strict=True)
    p = np.concatenate([m.ravel() for m in maps]) / 255
    ECE(10).measure(p, np.concatenate([m.ravel() >= 128 for m in masks]).astype(int))


def pysodmetrics(folder: Path) -> None:
    """Compute MAE, S, E and F by PySODMetrics, without weighted F."""
    import py_sod_metrics as sod

    metrics = [sod.MAE(), sod.Smeasure(), sod.Emeasure(), sod.Fmeasure()]
    for level_map, mask in pairs(folder):
        for metric in metrics:
            metric.step(pred=level_map, gt=mask)


CONTENDERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "decode": ("decoding maps and masks (Pillow)", decode),
    "reading": ("decoding and checking them, here", reading),
    "counting": ("decoding, checking and counting, here", counting),
    "ours": ("every score here except weighted F, one thread", ours),
    "torchmetrics_ece": ("torchmetrics, ECE alone", torchmetrics_ece),
    "netcal_ece": ("netcal, ECE alone", netcal_ece),
    "pysodmetrics": ("PySODMetrics: MAE, S, E, F", pysodmetrics),
    "ours_two_workers": ("every score here, two workers, wall clock", partial(ours, workers=2)),
}
"""Name of a contender -> its title in the table, and the function to time."""
PACKAGES = ("numpy", "torch", "pillow", "torchmetrics", "netcal", "pysodmetrics")
"""Packages whose versions are recorded. A contender that needs a package is named after it."""
COMMANDS = {
    "score --help": ["--help"],
    "score": [],
    "score --report": ["--report", "report.html"],
    "score --report --out": ["--report", "report.html", "--out", "scores.json"],
}
"""Title of a command line -> its flags. Weighted F is never computed."""


def command(folder: Path, flags: list[str]) -> None:
    """Run the command `score` in a separate process."""
    inputs = ["--maps", folder / "maps", "--masks", folder / "masks", "--no-weighted-f"]
    words = [sys.executable, "-m", "aslp_lib", "score", *inputs, "--num-workers", "1", *flags]
    subprocess.run(words, check=True, capture_output=True, cwd=folder)


def processor_seconds() -> float:
    """Return the processor time of this process and of the processes that it waited for."""
    return sum(os.times()[:4])


def measure(folder: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Measure seconds, ratio to decoding and memory of the contenders that are installed."""
    missing = {*PACKAGES} - versions().keys()
    jobs = {
        name: partial(function, folder)
        for name, (_, function) in CONTENDERS.items()
        if name.removesuffix("_ece") not in missing
    }
    memory = {name: peak(job) for name, job in jobs.items()}
    workers = {name: jobs[name] for name in ("decode", "ours_two_workers")}
    wall_clock = rounds(workers, repeats, take=min)
    del jobs["ours_two_workers"]
    processor = rounds(jobs, repeats, time.process_time, min)
    return {
        name: {
            "seconds": times[name],
            "ratio": times[name] / times["decode"],
            "megabytes_over_decoding": memory[name] - memory["decode"],
        }
        for names, times in ((jobs, processor), (["ours_two_workers"], wall_clock))
        for name in names
    }


def measure_command(folder: Path, images: int, repeats: int) -> dict:
    """Measure the command, including start-up, relative to decoding the same maps."""
    jobs = {name: partial(command, folder, flags) for name, flags in COMMANDS.items()}
    jobs = {"decode": partial(decode, folder), **jobs}
    seconds = rounds(jobs, repeats, processor_seconds, min)
    ratios = {name: seconds[name] / seconds["decode"] for name in COMMANDS}
    return {"images": images, "seconds": seconds, "ratios": ratios}


def table(results: dict) -> str:
    """Format the results as Markdown."""
    many, commands = results["many"], results["command"]
    seconds, ratios = commands["seconds"], commands["ratios"]
    contenders = [
        [CONTENDERS[name][0], f"{row['ratio']:.2f}", f"{row['megabytes_over_decoding']:.0f}"]
        for name, row in results["contenders"].items()
    ]
    parts = [
        f"{results['images']} maps, {results['megapixels']:.1f} million pixels, "
        f"{results['lowest']:.0%} of them at 0 and {results['highest']:.0%} at 255; lowest "
        f"processor time of {results['repeats']} interleaved rounds; {results['date']}; "
        f"{results['machine']}; {results['versions']}.",
        markdown_table(["", "time / decoding", "peak MB over decoding"], contenders),
        f"The command on {commands['images']:,} such maps, start-up included (decoding: "
        f"{seconds['decode']:.2f} s):",
        markdown_table(
            ["", "seconds", "/ decoding"],
            [[f"`{name}`", f"{seconds[name]:.2f}", f"{ratios[name]:.2f}"] for name in COMMANDS],
        ),
        f"{many['images']:,} maps: {many['microseconds']:.0f} microseconds per map on one thread, "
        f"{many['megabytes_over_decoding']:.0f} MB over decoding, of which the counts themselves "
        f"are {many['counts_megabytes']:.0f}.",
    ]
    return "\n\n".join(parts)


def versions() -> dict[str, str]:
    """Return the versions of those of `PACKAGES` that are installed."""
    known = {each.name.lower(): each.version for each in distributions()}
    return {name: known[name] for name in PACKAGES if name in known}


def main() -> None:
    """Measure, and write the record and its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--maps", type=int, default=5000, help="number of maps in the memory test")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        few, many, thousand = (Path(temporary) / n for n in ("few", "many", "thousand"))
        images = make_maps(arguments.masks, few)
        contenders = measure(few, arguments.repeats)
        repeat(few, many, arguments.maps)
        start = time.process_time()
        counts = ours(many)
        spent = time.process_time() - start
        over = peak(ours, many) - peak(decode, many)
        repeat(few, thousand, COMMAND_MAPS)
        commands = measure_command(thousand, COMMAND_MAPS, min(arguments.repeats, 3))
        grey_levels = ours(few).pooled.sum(axis=0)
    results = {
        "date": str(date.today()),
        "machine": f"{platform.machine()}, one thread of {os.cpu_count()} processors",
        "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
        "images": images,
        "megapixels": int(grey_levels.sum()) / 1e6,
        "lowest": grey_levels[0] / grey_levels.sum(),
        "highest": grey_levels[-1] / grey_levels.sum(),
        "repeats": arguments.repeats,
        "contenders": contenders,
        "command": commands,
        "many": {
            "images": arguments.maps,
            "microseconds": 1e6 * spent / arguments.maps,
            "megabytes_over_decoding": over,
            "counts_megabytes": (counts.table.nbytes + counts.columns["quadrants"].nbytes) / 2**20,
        },
    }
    publish("evaluation", results, table(results))


if __name__ == "__main__":
    main()
