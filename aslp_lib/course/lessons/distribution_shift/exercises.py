"""Exercises: causes of an improvement, methods that conditions allow, shrinkage."""

import scipy  # imports `special` at its first use, so that importing the exercises is fast

from aslp_lib.course.exercises import exercise


def _same_temperature(p: float, s: float) -> float:
    return float(scipy.special.logit(p) / scipy.special.logit((1 - s) * p + s / 2))


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

SHARE = exercise(
    "distribution_shift/share",
    right=lambda scaled, corrupted, adapted: (corrupted - adapted) / (scaled - adapted),
    tolerance=0.005,
    expects="a share, such as 0.25",
    mistakes={
        "seen": lambda scaled, corrupted, adapted: (scaled - corrupted) / (scaled - adapted),
        "part": lambda scaled, corrupted, adapted: (corrupted - adapted) / (scaled - corrupted),
        "of the first": lambda scaled, corrupted, adapted: (corrupted - adapted) / scaled,
        "whole": lambda scaled, corrupted, adapted: (scaled - adapted) / scaled,
    },
    grid=((1.04, 0.75, 0.65), (0.486, 0.388, 0.353), (0.8, 0.7, 0.4), (0.7, 0.5, 0.6)),
)

DRONE = exercise(
    "distribution_shift/drone",
    right=lambda: 1 + 2 + 4 + 32,
    expects="a sum of the numbers, such as 24",
    mistakes={
        "none": 2 + 4 + 32,
        "isotonic": (1 + 2 + 4 + 8 + 32),
        "augmentation": 1 + 2 + 4 + 16 + 32,
        "corrupted": 1 + 2,
        "image-wise": 1 + 2 + 4,
        "one": 32,
    },
)

EXERCISES = (SHARE, DRONE, SHRINKAGE)
