"""Run the steps of gpu_check.sh one after another and write their results to one JSON file."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from harness import RESULTS, ROOT, facts
from PIL import Image
from tqdm import tqdm

from aslp_lib.data.shapes import Shapes
from aslp_lib.files import write

LINES = 15
"""Number of last lines that are kept of each step's output."""


def write_embedded(root: Path, train: int = 1000, test: int = 100) -> None:
    """Write the synthetic data as JPEGs of 400 x 300 pixels in the paper's layout."""
    for number, (folder, images) in enumerate({"Train/DUTS-TR": train, "Test/SOD": test}.items()):
        for kind in ("Image", "GT"):
            (root / folder / kind).mkdir(parents=True)
        shapes = Shapes(folder, images, number, size=400)
        for i in tqdm(range(images), desc=f"writing {folder}", mininterval=5):
            picture = shapes.images[i].permute(1, 2, 0).numpy()[:300]
            Image.fromarray(picture).save(root / folder / "Image" / f"{i:05d}.jpg", quality=95)
            mask = 255 * shapes.mask(i)[:300]
            Image.fromarray(mask).save(root / folder / "GT" / f"{i:05d}.png")


def steps(data: Path, run: Path, images: int) -> dict[str, list[str]]:
    """Return the steps: name -> arguments of the Python interpreter."""
    workers = str(min(8, os.cpu_count() or 1))
    bench = ["benchmarks/training.py", "--data", str(data), "--workers", workers]
    small = ["--preset", "small", "--data", str(data), "--weights", "None", "--limit", str(images)]
    train = [*small, "--epochs", "5", "--precision", "bf16", "--out"]
    commands = {
        "CUDA tests": ["-m", "pytest", "-q", "tests", "-k", "cuda"],
        "benchmark, mobilenet_v2": [*bench, "--images", str(images)],
        "benchmark, resnet50": [
            *(*bench, "--images", str(min(images, 400))),
            *("--network", "resnet50", "--size", "384"),
        ],
        "training": ["main_ASLP.py", *train, str(run)],
    }
    if (cards := torch.cuda.device_count()) > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(cards)]
        several = f"{run}-several"
        commands[f"training on {cards} cards"] = [*launcher, "main_ASLP.py", *train, several]
    return commands


def perform(name: str, command: list[str], hidden: Path) -> dict:
    """Run a step, print its output and return its record.

    Args:
        name: name of the step.
        command: arguments of the Python interpreter.
        hidden: folder of the images, which is replaced in the recorded output.
    """
    print(f"\n== {name}", flush=True)
    start, words = time.perf_counter(), [sys.executable, *command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    print(result.stdout, flush=True)  # progress bars on stderr are not captured
    return {
        "step": name,
        "passed": result.returncode == 0,
        "exit_status": result.returncode,
        "seconds": round(time.perf_counter() - start, 1),
        "output": result.stdout.replace(str(hidden), "DATA").split("\n")[-LINES:],
    }


def main() -> int:
    """Run all steps and write `benchmarks/results/gpu.json`; return 1 if a step failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "data", type=Path, nargs="?", help="data with the paper's layout; synthetic if left out"
    )
    parser.add_argument("--images", type=int, default=1000, help="maximal number to train on")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = arguments.data or Path(temporary) / "embedded"
        if arguments.data is None:
            write_embedded(data)
        commands = steps(data.resolve(), Path(temporary) / "run", arguments.images)
        results = [perform(*step, data.resolve()) for step in commands.items()]
    passed = all(step["passed"] for step in results)
    record = {
        **facts(),
        "cuda": torch.version.cuda,
        "cards": torch.cuda.device_count(),
        "gigabytes": round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1),
        "images": "synthetic data" if arguments.data is None else "given",
        "passed": passed,
        "steps": results,
    }
    write(RESULTS / "gpu.json", json.dumps(record, indent=1) + "\n")
    for step in results:
        print(f"{'passed' if step['passed'] else 'FAILED'}  {step['step']}, {step['seconds']} s")
    return not passed


if __name__ == "__main__":
    sys.exit(main())
