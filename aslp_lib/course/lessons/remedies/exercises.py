"""Exercises: the epoch and the temperature to keep, and what early stopping costs."""

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


def _cost_at_first_rise(nll: Array, accuracy: Array) -> float:
    return float(accuracy[-1] - accuracy[np.flatnonzero(np.diff(nll) > 0)[0]])


_CASES = (
    read_only(
        [
            [0.8, -0.4, -0.1, 0.3, -0.7, -0.4, -0.8, -0.6, -0.7, -0.4, 0.9, -0.6],
            [2.3, -0.8, -1.2, 1.1, -1.1, -1.6, -2.1, -1.2, -1.0, -0.2, 0.9, -1.3],
            [3.2, -2.9, -2.4, 3.3, -2.8, -4.0, -3.9, -2.5, -3.6, 0.4, 2.2, -4.2],
            [3.6, -5.6, -3.0, 4.7, -4.7, -7.8, -7.1, -2.0, -7.1, 1.7, 0.6, -5.6],
            [9.3, -8.2, -0.5, 1.8, -12.6, -10.4, -9.6, -6.5, -9.4, -0.8, -0.9, -7.8],
        ],
        [1, 0, 0] * 4,
    ),
    read_only(
        [
            [0.3, -0.8, 0.3, 0.0, 0.8, -0.1, 0.2, 0.0, 0.4, 1.4, -0.9, 0.2],
            [1.0, -1.8, 0.0, 0.9, 0.5, -0.1, 0.6, -0.3, 0.0, 3.3, -1.4, -0.2],
            [1.8, -1.4, 0.0, 0.7, 0.1, -1.1, 2.5, -1.5, -1.6, 7.6, -5.4, -2.7],
            [1.9, -3.3, -0.9, 1.5, 1.2, -4.7, 9.1, -1.4, -4.0, 8.7, -8.0, -7.9],
            [4.3, -8.3, -3.5, -0.6, -0.8, -6.9, 8.9, 2.1, -9.7, 10.7, -11.4, -9.3],
        ],
        [1, 0, 0] * 4,
    ),
)
_LOGS = (
    read_only([0.50, 0.40, 0.42, 0.30, 0.33, 0.41], [0.80, 0.84, 0.83, 0.87, 0.88, 0.86]),
    read_only([0.60, 0.35, 0.36, 0.31, 0.29, 0.45], [0.75, 0.85, 0.84, 0.88, 0.87, 0.89]),
)

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
    nll = [np.logaddexp(0, (1 - 2 * y) * row / t).mean() for row, t in zip(z, T)]
    return [int(np.argmin(nll)) + 1, T[int(np.argmin(nll))]]
""",
    grid=_CASES,
)

STOPPING = Exercise(
    name="remedies/stopping",
    title="what early stopping costs",
    question="""
The log of a training run holds the validation `nll` and the validation `accuracy` after each epoch.
**Write a function that returns the accuracy that early stopping costs**: the accuracy of the last
epoch minus that of the epoch whose weights are kept. A negative cost is a gain.
""",
    right=lambda nll, accuracy: accuracy[-1] - accuracy[np.argmin(nll)],
    expects="a difference of two shares, such as 0.01",
    mistakes={
        "The sign is wrong: the cost is positive if the last epoch is more accurate than the one "
        "that is kept.": lambda nll, accuracy: accuracy[np.argmin(nll)] - accuracy[-1],
        "That compares with the most accurate epoch. Without early stopping, you would keep the "
        "last.": lambda nll, accuracy: accuracy.max() - accuracy[np.argmin(nll)],
        "That keeps the epoch with the highest accuracy. Early stopping keeps the epoch with the "
        "lowest NLL.": lambda nll, accuracy: accuracy[-1] - accuracy.max(),
        "That stops where the NLL first increases. Training continues, and the lowest NLL of all "
        "epochs counts.": _cost_at_first_rise,
        "That is the difference in NLL between the two epochs. The question is about the "
        "difference in accuracy.": lambda nll, accuracy: nll[-1] - nll.min(),
    },
    hint="Find the epoch with the lowest NLL, and look up its accuracy.",
    why="The cost can have either sign: the accuracy of a network that memorises can fall after "
    "its best epoch.",
    solution="""
def answer(nll, accuracy):
    return accuracy[-1] - accuracy[nll.argmin()]
""",
    grid=_LOGS,
)

EXERCISES = (BOTH, STOPPING)
