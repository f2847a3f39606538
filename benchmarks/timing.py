"""What benchmarks share: timing in turn, peak memory, what a result is of, the tables of README."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import torch
from tqdm import tqdm

from aslp_lib.files import write

T = TypeVar("T")

README = Path(__file__).parent / "README.md"


def rounds(
    jobs: dict[T, Callable[[], object]],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
    take: Callable[[list[float]], float] = statistics.median,
) -> dict[T, float]:
    """Median (or other) seconds of each job, run in turn; the first round warms up, uncounted."""
    seconds: dict[T, list[float]] = {name: [] for name in jobs}
    for number in tqdm(range(repeats + 1), desc="rounds", mininterval=5):
        for name, job in jobs.items():
            start = clock()
            job()
            if number:
                seconds[name].append(clock() - start)
    return {name: take(values) for name, values in seconds.items()}


def peak_megabytes() -> float:
    """This process's peak memory (Linux; getrusage's would include the parent's)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def spread(values: Sequence[float], factor: float = 100, digits: int = 2) -> str:
    """Mean ± standard deviation, in percent unless another factor is given; one value alone."""
    text = f"{factor * statistics.mean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {factor * statistics.stdev(values):.{digits}f}"
    return text


def put_in_readme(table: str, start: str, end: str, readme: Path = README) -> None:
    """Replace what stands between two markers in `benchmarks/README.md`, or in another page."""
    text = readme.read_text(encoding="utf-8")
    before, after = text.split(start)[0], text.split(end)[1]
    write(readme, f"{before}{start}\n{table}\n{end}{after}")


def wait() -> None:
    """Until the device has done all that it was asked."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def facts() -> dict:
    """Device, versions, date and commit of a result."""
    return {
        "device": device_name(),
        "versions": {name: version(name) for name in ("torch", "torchvision", "accelerate")},
        "date": str(date.today()),
        "commit": commit(),
    }


def device_name() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", info.read_text() if info.exists() else "")
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} processors"


def commit() -> str | None:
    """The short hash of the code that is measured, with a + if it was changed since."""
    words = ["git", "describe", "--always", "--abbrev=7", "--dirty=+", "--exclude=*"]
    found = subprocess.run(words, capture_output=True, text=True, cwd=README.parent)
    return found.stdout.strip() or None
