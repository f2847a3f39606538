"""How fast the explorers react: from a control's new value to picture and words, in milliseconds.

python benchmarks/explorers.py
"""

import statistics
import time
from itertools import cycle, islice

from aslp_lib.course.explorers import EXPLORERS, Explorer

MOVES = 40
"""Moves of each control, up and down its grid."""


def reactions(explorer: Explorer) -> list[float]:
    """Milliseconds of each move."""
    times = []
    for name, grid in explorer.grids().items():
        control, first = explorer.controls[name], explorer.values
        for value in islice(cycle(grid + grid[::-1]), MOVES):
            if explorer.values[name] != value:
                start = time.perf_counter()
                control.value = value
                times.append(1e3 * (time.perf_counter() - start))
        for other, value in first.items():
            explorer.controls[other].value = value
    return times


if __name__ == "__main__":
    for name, make in EXPLORERS.items():
        times = sorted(reactions(make()))
        print(
            f"{name:17} median {statistics.median(times):3.0f} ms, 95 % under "
            f"{times[int(0.95 * len(times))]:3.0f} ms, longest {times[-1]:3.0f} ms, "
            f"{len(times)} moves"
        )
