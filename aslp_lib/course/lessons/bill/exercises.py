"""Exercise: the lowest bill of any threshold."""

from collections.abc import Iterable

import numpy as np
import torch

from aslp_lib.course.exercises import Array, exercise, read_only, unchanged
from aslp_lib.course.lessons.bill.decision import bill, lowest
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.float_levels import GREY_LEVELS

Case = tuple[Array, Array, float]


def _case(labels: Iterable[int], miss: float) -> Case:
    """Make different probabilities, which rise from the first pixel to the last."""
    y = np.array(labels)
    levels = np.random.default_rng(len(y)).choice(np.arange(1, GREY_LEVELS - 1), len(y), False)
    f, y = read_only(np.sort(levels) / (GREY_LEVELS - 1), y)
    return f, y, miss


def _many(pixels: int, miss: float) -> Case:
    """Make an underconfident network, whose best threshold is above 1 / `miss`."""
    rng = np.random.default_rng(pixels)
    return _case(rng.random(pixels) < np.linspace(0, 1, pixels) ** 4, miss)


def counts_of(f: Array, y: Array) -> Counts:
    """Count pixels with probabilities f and labels y, as one image."""
    return Counts.from_probabilities(torch.tensor(f).reshape(1, -1), torch.tensor(y).reshape(1, -1))


def _paid(f: Array, y: Array, miss: float, thresholds: Iterable[float]) -> float:
    """Return the lowest bill of 100 pixels of some thresholds."""
    return 100 * min(float(np.where(f > t, 1, miss * y).mean()) for t in thresholds)


_PIXELS = _many(60, 10)

LOWEST = exercise(
    "bill/lowest",
    grid=(_PIXELS, _many(400, 4), _case((1, 0, 1, 0, 1), 20), _case((0, 0, 1, 0, 0), 2)),
    right=lambda f, y, miss: 100 * lowest(counts_of(f, y), miss),
    tolerance=0.01,
    expects="the bill of 100 pixels",
    mistakes={
        "plan": lambda f, y, miss: _paid(f, y, miss, [1 / miss]),
        "expected": lambda f, y, miss: 100 * bill(counts_of(f, y), miss).expected,
        "nuclei": lambda f, y, miss: 100 * y.mean(),
        "one pixel": lambda f, y, miss: lowest(counts_of(f, y), miss),
        "everything": lambda f, y, miss: _paid(f, y, miss, f),
        "nothing": lambda f, y, miss: _paid(f, y, miss, [-1, *np.sort(f)[:-1]]),
    },
    properties={
        "order": unchanged(_PIXELS, lambda f, y, miss: (f[::-1], y[::-1], miss)),
        "squares": unchanged(_PIXELS, lambda f, y, miss: (f**2, y, miss)),
        "twice": unchanged(_PIXELS, lambda f, y, miss: (np.tile(f, 2), np.tile(y, 2), miss)),
    },
)

EXERCISES = (LOWEST,)
