"""Exercise: the epoch and the temperature to keep."""

from collections.abc import Callable

import numpy as np

from aslp_lib.course.exercises import Array, Exercise, read_only, unchanged
from aslp_lib.metrics.temperature import best_temperature


def _nll(z: Array, y: Array, temperature: float = 1.0) -> float:
    return float(np.logaddexp(0, (1 - 2 * y) * z / temperature).mean())


def _temperature(z: Array, y: Array) -> float:
    return best_temperature(np.ones(z.shape), (2 * y - 1) * z)


def _scaled_nll(z: Array, y: Array) -> float:
    return _nll(z, y, _temperature(z, y))


def _lowest(score: Callable[[Array, Array], float]) -> Callable[[Array, Array], Array]:
    """Make the answer that keeps the epoch of the lowest score, with its temperature."""

    def answer(z: Array, y: Array) -> Array:
        best = int(np.argmin([score(row, y) for row in z]))
        return np.array([best + 1, _temperature(z[best], y)])

    return answer


def _with_last_temperature(z: Array, y: Array) -> Array:
    last = _temperature(z[-1], y)
    return np.array([1 + np.argmin([_nll(row, y, last) for row in z]), last])


def _epochs(seed: int) -> tuple[Array, ...]:
    """Make logits, (5 epochs, 12 pixels), of a network that grows more confident, and labels."""
    rng = np.random.default_rng(seed)
    y = rng.random(12) < 0.4
    steps = rng.normal((2 * y - 1) * 0.7, 1.5, (5, 12))
    return read_only(steps.cumsum(axis=0) * np.linspace(0.3, 1.6, 5)[:, None], y)


_CASES = _epochs(118), _epochs(123)  # in the first, no two mistakes have the same result
BOTH = Exercise(
    name="remedies/both",
    title="an epoch and a temperature",
    question="""
Each row of `z` holds the logits of the validation pixels after one epoch; `y` holds their labels.
**Write a function that returns `[epoch, T]`: the epoch that early stopping keeps, counted from 1,
and the temperature that it needs.** Early stopping keeps the epoch with the lowest mean NLL after
temperature scaling, where each epoch has its own temperature.
""",
    right=_lowest(_scaled_nll),
    tolerance=0.01,
    expects="two numbers: an epoch, counted from 1, and a temperature",
    mistakes={
        "That keeps the epoch with the lowest NLL before scaling. Divide the logits of each epoch "
        "by their best T first.": _lowest(_nll),
        "That keeps the epoch with the highest accuracy.": _lowest(
            lambda z, y: -float(((z > 0) == y).mean())
        ),
        "That keeps the epoch that needs scaling least, with T nearest to 1. T is free; what "
        "counts is the NLL that is left after it.": _lowest(
            lambda z, y: abs(_temperature(z, y) - 1)
        ),
        "That divides every epoch by the temperature of the last one. Each epoch needs its "
        "own.": _with_last_temperature,
        "That counts epochs from 0. The first is epoch 1.": lambda z, y: (
            _lowest(_scaled_nll)(z, y) - np.array([1, 0])
        ),
        "That is 1 / T: logits are divided by T.": lambda z, y: (
            _lowest(_scaled_nll)(z, y) ** np.array([1, -1])
        ),
    },
    properties={
        "If all logits are doubled, T doubles too, and the epoch stays.": unchanged(
            _CASES[0], lambda z, y: (2 * z, y), lambda result: result / np.array([1, 2])
        ),
    },
    hint="Write the mean NLL of one row as a function of T, and minimise it for each row.",
    why="T corrects a factor that all logits share, for nothing; so an epoch is judged by what T "
    "cannot correct.",
    solution="""
import numpy as np
from scipy.optimize import minimize_scalar


def answer(z, y):
    def nll(T, row):
        return np.logaddexp(0, (1 - 2 * y) * row / T).mean()

    fits = [minimize_scalar(nll, bounds=(0.1, 20), args=(row,)) for row in z]
    best = int(np.argmin([fit.fun for fit in fits]))
    return [best + 1, fits[best].x]
""",
    alternative="""
import numpy as np
from scipy.optimize import brentq
from scipy.special import expit


# At the best T, the slope of the NLL is zero: the mean of (f - y) z.
def answer(z, y):
    def slope(T, row):
        return ((expit(row / T) - y) * row).mean()

    T = [brentq(slope, 0.02, 50, args=(row,)) for row in z]
    nll = [np.logaddexp(0, (1 - 2 * y) * row / t).mean() for row, t in zip(z, T, strict=True)]
    return [int(np.argmin(nll)) + 1, T[int(np.argmin(nll))]]
""",
    grid=_CASES,
)

EXERCISES = (BOTH,)
