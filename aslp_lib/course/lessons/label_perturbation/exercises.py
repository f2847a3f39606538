"""Exercises: sampled targets, DisturbLabel, and the temperature of one pixel."""

from collections.abc import Callable

import numpy as np
import scipy  # imports its modules at their first use, so that importing the exercises is fast
import torch

from aslp_lib.aslp.perturbation import MODERATION, Technique, disturb_label, sampled_targets
from aslp_lib.aslp.theory import expected_confidence
from aslp_lib.course.exercises import Array, Point, exercise, read_only, unchanged


def _batch(size: int, seed: int) -> tuple[Array, ...]:
    """Make `size` maps of this side, and as many draws, some below 1/4 and some above."""
    rng = np.random.default_rng(seed)
    uniform = (rng.permutation(size) + rng.random(size)) / size
    return read_only(rng.random((size, size, size)) < 0.4, uniform)


def _sampled(labels: Array, draws: Array, alpha: float, beta: float) -> Array:
    technique, uniform = Technique("exercise", beta), torch.tensor(draws)
    return sampled_targets(torch.tensor(labels), alpha, technique, uniform=uniform).numpy()


def _p(labels: Array, beta: float) -> Array:
    return (1 - beta) * labels + beta / 2


_MAPS: tuple[Point, ...] = (
    (*_batch(4, seed=0), 0.25, 2.0),
    (*_batch(3, seed=1), 0.5, 1.5),
    (_batch(3, seed=2)[0], *read_only([0.0, 0.3, 0.6]), 0.0, 1.0),
    (*_batch(5, seed=3), 0.7, 0.4),
)
"""Maps with as many images as rows and columns: a switch along another axis broadcasts too."""


def _perturbs_whole_maps(answer: Callable[..., Array]) -> bool:
    labels, draws, *_ = _MAPS[0]
    changed = answer(labels, draws, 0.25, 1.0) != labels
    return bool((changed.all((1, 2)) | ~changed.any((1, 2))).all())


def _keeps_labels_at_alpha_0(answer: Callable[..., Array]) -> bool:
    labels, draws, alpha, beta = _MAPS[2]
    return np.array_equal(answer(labels, draws, alpha, beta), labels)


def _inverts_at_alpha_1(answer: Callable[..., Array]) -> bool:
    labels, draws, *_ = _MAPS[3]
    return np.allclose(answer(labels, draws, 1.0, 2.0), 1 - labels)


SWITCH = exercise(
    "label_perturbation/switch",
    grid=_MAPS,
    right=_sampled,
    tolerance=1e-6,
    expects="an array of targets, in the shape of labels",
    mistakes={
        "inverted switch": lambda y, u, a, b: np.where(u[:, None, None] < a, y, _p(y, b)),
        "columns": lambda y, u, a, b: np.where(u < a, _p(y, b), y),
        "rows": lambda y, u, a, b: np.where(u[:, None] < a, _p(y, b), y),
        "every map": lambda y, u, a, b: _p(y, b),
        "expected": lambda y, u, a, b: _p(y, a * b),
        "inverted labels": lambda y, u, a, b: np.where(u[:, None, None] < a, 1 - y, y),
        "no beta/2": lambda y, u, a, b: np.where(u[:, None, None] < a, (1 - b) * y, y),
    },
    properties={
        "whole maps": _perturbs_whole_maps,
        "alpha 0": _keeps_labels_at_alpha_0,
        "alpha 1": _inverts_at_alpha_1,
        "other images": unchanged(_MAPS[0], lambda y, u, a, b: (y[::-1], u[::-1], a, b), np.flipud),
    },
)

DISTURB = exercise(
    "label_perturbation/disturb",
    right=lambda: disturb_label(0.3)[0],
    tolerance=0.004,
    mistakes={
        "rate": 0.3,
        "doubled": 2 * 0.3,
        "halved twice": 0.3 / 4,
        "stays": 1 - 0.3 / 2,
    },
)


ONE_PIXEL = exercise(
    "label_perturbation/one_pixel",
    right=lambda: 8 / scipy.special.logit(float(expected_confidence(0.4, MODERATION))),
    tolerance=0.05,
    expects="a temperature, such as 2.5",
    mistakes={
        "all of the dose": lambda: 8 / scipy.special.logit(1 - 0.4),
        "probability": 8 / 0.8,
        "inverse": lambda: scipy.special.logit(0.8) / 8,
        "negative": lambda: -8 / scipy.special.logit(0.8),
    },
)

EXERCISES = (SWITCH, DISTURB, ONE_PIXEL)
