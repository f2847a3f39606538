"""Exercises: the threshold of a check, and shrinkage."""

import scipy  # imports `special` at its first use, so that importing the exercises is fast

from aslp_lib.course.exercises import exercise


def _same_temperature(p: float, s: float) -> float:
    return float(scipy.special.logit(p) / scipy.special.logit((1 - s) * p + s / 2))


def _odds(miss: float) -> float:
    return float(scipy.special.logit(1 / miss))


def _probability(logit: float) -> float:
    return float(scipy.special.expit(logit))


SHRINKAGE = exercise(
    "distribution_shift/shrinkage",
    right=_same_temperature,
    tolerance=0.005,
    expects="a positive number, such as 1.5",
    mistakes={
        "inverse": lambda p, s: 1 / _same_temperature(p, s),
        "near 1/2": lambda p, s: 1 / (1 - s),
        "probabilities": lambda p, s: p / ((1 - s) * p + s / 2),
        "towards 0": lambda p, s: scipy.special.logit(p) / scipy.special.logit((1 - s) * p),
    },
    grid=((0.7, 0.2), (0.9, 0.2), (0.99, 0.2), (0.999, 0.1), (0.1, 0.3), (0.6, 0.5)),
)

THRESHOLD = exercise(
    "distribution_shift/threshold",
    right=lambda slope, offset, miss: _probability((_odds(miss) - offset) / slope),
    tolerance=0.002,
    expects="a number between 0 and 1, such as 0.75",
    mistakes={
        "after": lambda slope, offset, miss: 1 / miss,
        "forwards": lambda slope, offset, miss: _probability(slope * _odds(miss) + offset),
        "sign": lambda slope, offset, miss: _probability((_odds(miss) + offset) / slope),
        "logit": lambda slope, offset, miss: (_odds(miss) - offset) / slope,
        "no slope": lambda slope, offset, miss: _probability(_odds(miss) - offset),
    },
    grid=((0.484, -4.08, 10), (0.5, 0, 10), (0.8, -2, 5), (0.5, 1, 4), (1.5, -1, 20)),
)

EXERCISES = (THRESHOLD, SHRINKAGE)
