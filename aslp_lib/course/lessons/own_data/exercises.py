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
        "The sign is wrong: an overconfident network has a positive gap.": lambda p, y: -_gap(p, y),
        "That counts unlabelled pixels as background. Leave the pixels with y = 255 out of both of "
        "the means.": lambda p, y: _difference(p, y == 1),
        "The accuracy is that of the labelled pixels, but the confidence is that of all pixels. "
        "Use the labelled ones for both.": _confidence_of_all,
        "That counts 255 as foreground. It means that a pixel has no label, so leave it out of "
        "both means.": lambda p, y: _difference(p, y > 0),
        "That is the mean of P(y=1). A pixel with P(y=1) = 0.1 is predicted background, with "
        "confidence 0.9.": _foreground_mean,
    },
    grid=_VALIDATIONS,
)

REPORT = exercise(
    "own_data/report",
    right=lambda validation, test: test[np.argmin(validation)],
    expects="one of the test NLLs, such as 0.4",
    mistakes={
        "That selects the setting on the test set, which then no longer tests it. Select on "
        "validation images.": lambda validation, test: test.min(),
        "That is the NLL on the images used for selection. As the lowest of several, it is "
        "optimistic.": lambda validation, test: validation.min(),
        "That is the mean over all settings, most of which were not selected. Report the selected "
        "one.": lambda validation, test: test.mean(),
        "That selects the setting with the highest NLL. Select the one with the lowest: a lower "
        "NLL is better.": lambda validation, test: test[np.argmax(validation)],
    },
    grid=_CANDIDATES,
)

EXERCISES = (GAP, REPORT)
