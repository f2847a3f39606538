"""Exercise: the epoch and the temperature to keep."""

from collections.abc import Callable

import numpy as np

from aslp_lib.course.exercises import Array, exercise, read_only, unchanged
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
BOTH = exercise(
    "remedies/both",
    right=_lowest(_scaled_nll),
    tolerance=0.01,
    expects="two numbers: an epoch, counted from 1, and a temperature",
    mistakes={
        "unscaled": _lowest(_nll),
        "accuracy": _lowest(lambda z, y: -float(((z > 0) == y).mean())),
        "nearest to 1": _lowest(lambda z, y: abs(_temperature(z, y) - 1)),
        "last temperature": _with_last_temperature,
        "from 0": lambda z, y: _lowest(_scaled_nll)(z, y) - np.array([1, 0]),
        "inverse": lambda z, y: _lowest(_scaled_nll)(z, y) ** np.array([1, -1]),
    },
    properties={
        "doubled": unchanged(
            _CASES[0], lambda z, y: (2 * z, y), lambda result: result / np.array([1, 2])
        ),
    },
    grid=_CASES,
)

EXERCISES = (BOTH,)
