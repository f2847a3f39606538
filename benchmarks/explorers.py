"""How fast the explorers react: from a control's new value to picture and words, in milliseconds.

python benchmarks/explorers.py
"""

import statistics
import time
from itertools import cycle, islice

from aslp_lib import shipped
from aslp_lib.course import explorers
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.training.validation import validate

MOVES = 40
"""Moves of each control, up and down its grid."""


def reactions(explorer: explorers.Explorer) -> list[float]:
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
    data = shipped.SETTINGS.load_data()
    counts = {
        METHOD_LABELS[method]: validate(shipped.load(method), data.tests["test"], shipped.SETTINGS)
        for method in shipped.METHODS
    }
    for explorer, name in (
        (explorers.estimators(counts), "estimators"),
        (explorers.perturbation(data.train.mask(0)), "perturbation"),
        (explorers.loss(), "loss"),
        (explorers.feedback(), "feedback"),
    ):
        times = sorted(reactions(explorer))
        print(
            f"{name:13} median {statistics.median(times):3.0f} ms, 95 % under "
            f"{times[int(0.95 * len(times))]:3.0f} ms, longest {times[-1]:3.0f} ms, "
            f"{len(times)} moves"
        )
