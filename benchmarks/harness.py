"""What the benchmarks share: timing, peak memory, facts about the machine, records and tables.

The record of a benchmark NAME is `results/NAME.json`. Its table stands in `README.md` between the
comments `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch
from tqdm import tqdm

from aslp_lib.files import write

T = TypeVar("T")

ROOT = Path(__file__).parents[1]
README = ROOT / "benchmarks" / "README.md"
RESULTS = ROOT / "benchmarks" / "results"


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


def peak(function: Callable[..., object], *arguments: object) -> float:
    """Call a function of a module in a new process, and return the peak memory in MB (Linux).

    The memory is that of the GPU, or of the process without a GPU.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_peak, function, *arguments).result()


def _peak(function: Callable[..., object], *arguments: object) -> float:
    function(*arguments)
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    # getrusage may return the peak of the parent process.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def record_of(name: str) -> Any:
    """Return the record of a benchmark."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def publish(name: str, record: object, table: str) -> None:
    """Write the record of a benchmark and its table, and print the table."""
    write(RESULTS / f"{name}.json", json.dumps(record, indent=1) + "\n")
    put(table, name)
    print(table)


def put(table: str, name: str, page: Path = README) -> None:
    """Replace a table of a page."""
    text = page.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, after = text.split(start)[0], text.split(end)[1]
    write(page, f"{before}{start}{table}{end}{after}")


def facts() -> dict[str, Any]:
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
    result = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    return result.stdout.strip() or None
