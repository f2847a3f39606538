"""Exercise: the threshold of a check."""

import scipy  # imports `special` at its first use, so that importing the exercises is fast

from aslp_lib.course.exercises import exercise


def _odds(miss: float) -> float:
    return float(scipy.special.logit(1 / miss))


def _probability(logit: float) -> float:
    return float(scipy.special.expit(logit))


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

EXERCISES = (THRESHOLD,)
