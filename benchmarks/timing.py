"""Functions that the benchmarks share: timing, peak memory, description of the machine, tables."""

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
    """Time jobs that take turns, and return the median of the seconds of each.

    Args:
        jobs: name -> function to time.
        repeats: number of rounds, after a first round that is not counted.
        clock: function that returns seconds.
        take: statistic of the seconds of a job.
    """
    seconds: dict[T, list[float]] = {name: [] for name in jobs}
    for number in tqdm(range(repeats + 1), desc="rounds", mininterval=5):
        for name, job in jobs.items():
            start = clock()
            job()
            if number:
                seconds[name].append(clock() - start)
    return {name: take(values) for name, values in seconds.items()}


def peak_megabytes() -> float:
    """Return the peak memory of this process in MB, on Linux.

    It is read from /proc, because getrusage may return the peak of the parent process.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def spread(values: Sequence[float], factor: float = 100, digits: int = 2) -> str:
    """Format mean ± standard deviation, in percent by default; a single value has no deviation."""
    text = f"{factor * statistics.mean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {factor * statistics.stdev(values):.{digits}f}"
    return text


def put_in_readme(table: str, start: str, end: str, readme: Path = README) -> None:
    """Replace the text between two markers in `benchmarks/README.md` or another page."""
    text = readme.read_text(encoding="utf-8")
    before, after = text.split(start)[0], text.split(end)[1]
    write(readme, f"{before}{start}\n{table}\n{end}{after}")


def wait() -> None:
    """Wait until the GPU, if there is one, has finished its work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def facts() -> dict:
    """Return device, versions, date and commit, which a result is recorded with."""
    return {
        "device": device_name(),
        "versions": {name: version(name) for name in ("torch", "torchvision", "accelerate")},
        "date": str(date.today()),
        "commit": commit(),
    }


def device_name() -> str:
    """Return the name of the GPU or the processor."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.*)", info.read_text() if info.exists() else "")
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} processors"


def commit() -> str | None:
    """Return the short hash of the commit, with a + if the code has uncommitted changes."""
    words = ["git", "describe", "--always", "--abbrev=7", "--dirty=+", "--exclude=*"]
    result = subprocess.run(words, capture_output=True, text=True, cwd=README.parent)
    return result.stdout.strip() or None
