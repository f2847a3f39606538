"""Exercises: paired differences, and which method to use when."""

import numpy as np
import scipy  # imports `stats` at its first use, so that importing the exercises is fast

from aslp_lib.course.exercises import Array, exercise, read_only
from aslp_lib.experiments.seed_statistics import student_interval


def _interval(values: Array, half_width: float) -> Array:
    return values.mean() + half_width * np.array([0, -1, 1])


def _student(values: Array, ddof: int = 1) -> Array:
    error = scipy.stats.sem(values, ddof=ddof)
    return _interval(values, scipy.stats.t.ppf(0.975, len(values) - 1) * error)


def _unpaired(first: Array, second: Array) -> Array:
    error = np.hypot(scipy.stats.sem(first), scipy.stats.sem(second))
    return _interval(first - second, scipy.stats.t.ppf(0.975, 2 * len(first) - 2) * error)


def _of_single_seeds(first: Array, second: Array) -> Array:
    """Return the interval with the standard deviation instead of the standard error."""
    values = first - second
    return _interval(values, scipy.stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1))


_NLL = (
    read_only([0.51, 0.48, 0.47, 0.55, 0.54], [0.44, 0.44, 0.40, 0.45, 0.50]),
    read_only([0.17, 0.14, 0.20], [0.18, 0.13, 0.16]),
)

PAIRED = exercise(
    "audit/paired",
    right=lambda a, b: np.array([(a - b).mean(), *student_interval(a - b)]),
    tolerance=1e-4,
    expects="three numbers in nats: mean, low, high",
    mistakes={
        "sign": lambda a, b: _student(b - a),
        "unpaired": _unpaired,
        "normal": lambda a, b: _interval(
            a - b, scipy.stats.norm.ppf(0.975) * scipy.stats.sem(a - b)
        ),
        "single seed": _of_single_seeds,
        "divisor n": lambda a, b: _student(a - b, ddof=0),
    },
    grid=_NLL,
)

SAME_CAMERA = exercise(
    "audit/same_camera",
    right=lambda: 2,
    expects="the number of a method, 1 to 6",
    mistakes={"none": 1, "isotonic": 3, "smoothing": 4, "stopping": 5, "aslp": 6},
)

EXERCISES = (PAIRED, SAME_CAMERA)
