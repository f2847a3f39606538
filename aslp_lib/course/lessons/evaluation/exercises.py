"""Exercises: intervals over fields, and the Brier score."""

from functools import partial

import numpy as np

from aslp_lib.course.exercises import Array, exercise, read_only, unchanged


def _set(fields: int, resamples: int = 80) -> tuple[Array, ...]:
    """Make correct pixels and pixels of fields, and how often each resample draws each field."""
    rng = np.random.default_rng(fields)
    pixels = rng.integers(50, 1000, fields)
    correct = rng.binomial(pixels, rng.uniform(0.4, 1, fields))
    times = rng.multinomial(fields, np.full(fields, 1 / fields), size=resamples)
    return read_only(correct, pixels, times)


def _resampled(right: Array, pixels: Array, times: Array) -> Array:
    """Compute the pooled accuracy of each resample."""
    return (times @ right) / (times @ pixels)


def _interval(right: Array, pixels: Array, times: Array, tail: float = 0.025) -> Array:
    """Return value, lower and upper end; outside each end is a share `tail` of the resamples."""
    ends = np.quantile(_resampled(right, pixels, times), [tail, 1 - tail])
    return np.array([right.sum() / pixels.sum(), *ends])


def _mean_of_resamples(right: Array, pixels: Array, times: Array) -> Array:
    ends = _interval(right, pixels, times)[1:]
    return np.array([_resampled(right, pixels, times).mean(), *ends])


def _binomial(right: Array, pixels: Array, times: Array) -> Array:
    """Return the interval of as many independent pixels."""
    accuracy = right.sum() / pixels.sum()
    half = 1.96 * np.sqrt(accuracy * (1 - accuracy) / pixels.sum())
    return accuracy + half * np.array([0, -1, 1])


_CASE = _set(12)

BOOTSTRAP = exercise(
    "evaluation/bootstrap",
    grid=(_set(5), _CASE, _set(30)),
    right=_interval,
    tolerance=1e-4,
    expects="three shares in [0, 1]: value, low, high",
    mistakes={
        "means of fields": lambda r, n, times: _interval(r / n, np.ones(len(n)), times),
        "mean of resamples": _mean_of_resamples,
        "once at most": lambda r, n, times: _interval(r, n, np.minimum(times, 1)),
        "90 %": partial(_interval, tail=0.05),
        "extremes": partial(_interval, tail=0),
        "pixels": _binomial,
    },
    properties={
        "order of ends": lambda answer: bool((np.diff(answer(*_CASE)[[1, 0, 2]]) >= 0).all()),
        "order of fields": unchanged(_CASE, lambda r, n, times: (r[::-1], n[::-1], times[:, ::-1])),
    },
)

BRIER = exercise(
    "evaluation/brier",
    right=lambda: 0.3 * (1 - 0.2) ** 2 + 0.7 * 0.2**2,
    tolerance=0.002,
    mistakes={
        "uncertainty": 0.3 * 0.7,
        "reliability": (0.3 - 0.2) ** 2,
        "absolute": 0.3 * 0.8 + 0.7 * 0.2,
        "variance": 0.2 * 0.8,
        "gap": 0.3 - 0.2,
    },
)

EXERCISES = (BOOTSTRAP, BRIER)
