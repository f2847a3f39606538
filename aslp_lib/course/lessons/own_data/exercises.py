"""Exercises: pixels without a label, and the score of a selected setting."""

import numpy as np
import torch
from numpy.typing import NDArray

from aslp_lib.course.exercises import Array, exercise, read_only
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

_VALIDATIONS = (
    read_only([0.95, 0.9, 0.8, 0.3, 0.1, 0.2, 0.05, 0.6], [1, 0, 1, 0, 0, 255, 255, 255]),
    read_only([0.9, 0.9, 0.7, 0.2, 0.4, 0.1], [1, 1, 0, 0, 1, 255]),
    read_only([0.6, 0.6, 0.6, 0.4, 0.99, 0.98], [1, 1, 1, 0, 255, 255]),
)
"""Two overconfident networks, and an underconfident one."""

_CANDIDATES = (
    read_only([0.41, 0.36, 0.38], [0.40, 0.39, 0.35]),
    read_only([0.52, 0.47, 0.50, 0.44], [0.46, 0.43, 0.49, 0.48]),
)


def _gap(p: Array, y: Array) -> float:
    predictions, labels = torch.tensor(p)[None], torch.tensor(y)[None]
    return calibration.gap(Counts.from_probabilities(predictions, labels, ignore_index=255))


def _difference(p: Array, foreground: NDArray[np.bool_]) -> float:
    return float(np.maximum(p, 1 - p).mean() - ((p >= 0.5) == foreground).mean())


def _confidence_of_all(p: Array, y: Array) -> float:
    return float(np.maximum(p, 1 - p).mean() - ((p >= 0.5) == y)[y != 255].mean())


def _foreground_mean(p: Array, y: Array) -> float:
    return float(p[y != 255].mean() - ((p >= 0.5) == y)[y != 255].mean())


GAP = exercise(
    "own_data/gap",
    right=_gap,
    expects="a difference of two shares, such as 0.05",
    mistakes={
        "sign": lambda p, y: -_gap(p, y),
        "unlabelled background": lambda p, y: _difference(p, y == 1),
        "confidence of all": _confidence_of_all,
        "unlabelled foreground": lambda p, y: _difference(p, y > 0),
        "foreground": _foreground_mean,
    },
    grid=_VALIDATIONS,
)

REPORT = exercise(
    "own_data/report",
    right=lambda validation, test: test[np.argmin(validation)],
    expects="one of the test NLLs, such as 0.4",
    mistakes={
        "selected on test": lambda validation, test: test.min(),
        "validation": lambda validation, test: validation.min(),
        "mean": lambda validation, test: test.mean(),
        "highest": lambda validation, test: test[np.argmax(validation)],
    },
    grid=_CANDIDATES,
)

EXERCISES = (GAP, REPORT)
