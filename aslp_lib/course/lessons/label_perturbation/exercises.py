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
        "The switch is inverted: a draw is below alpha with probability alpha, and then the map is "
        "perturbed.": lambda y, u, a, b: np.where(u[:, None, None] < a, y, _p(y, b)),
        "The draws lie along the last axis: each *column* has its own switch. Add two axes, "
        "draws[:, None, None].": lambda y, u, a, b: np.where(u < a, _p(y, b), y),
        "The draws lie along the rows: each *row* has its own switch. They need one more axis, "
        "draws[:, None, None].": lambda y, u, a, b: np.where(u[:, None] < a, _p(y, b), y),
        "That perturbs every map. If the draw of an image is not below alpha, its target is its "
        "label.": lambda y, u, a, b: _p(y, b),
        "That is the expected target, the mean over many draws. Compute the target for this one "
        "draw.": lambda y, u, a, b: _p(y, a * b),
        "That inverts the labels, which is right for beta = 2 alone. Perturbed labels are (1 - "
        "beta) * y + beta/2.": lambda y, u, a, b: np.where(u[:, None, None] < a, 1 - y, y),
        "The term beta/2 is missing: the labels of background pixels are perturbed as well, and "
        "rise above 0.": lambda y, u, a, b: np.where(u[:, None, None] < a, (1 - b) * y, y),
    },
    properties={
        "Some pixels of an image are perturbed and others are not. There is one draw per image, "
        "not one per pixel.": _perturbs_whole_maps,
        "With alpha = 0 no label may change, even where a draw is exactly 0: a draw must be "
        "*below* alpha.": _keeps_labels_at_alpha_0,
        "With alpha = 1 and beta = 2 every map must be inverted.": _inverts_at_alpha_1,
        "The targets of an image must depend on its own draw and labels alone, in any order of the "
        "images.": unchanged(_MAPS[0], lambda y, u, a, b: (y[::-1], u[::-1], a, b), np.flipud),
    },
)

DISTURB = exercise(
    "label_perturbation/disturb",
    right=lambda: disturb_label(0.3)[0],
    tolerance=0.004,
    mistakes={
        "Half of the random classes are the label itself and change nothing.": 0.3,
        "You doubled instead of halving: only every second random class differs.": 2 * 0.3,
        "You halved twice. A random class differs with probability 1/2; hard inversion always "
        "inverts.": 0.3 / 4,
        "That is how often the label stays. Alpha is how often it is inverted.": 1 - 0.3 / 2,
    },
)


ONE_PIXEL = exercise(
    "label_perturbation/one_pixel",
    right=lambda: 8 / scipy.special.logit(float(expected_confidence(0.4, MODERATION))),
    tolerance=0.05,
    expects="a temperature, such as 2.5",
    mistakes={
        "You took 1 - alpha*beta as the confidence of the target. Only half of alpha*beta goes to "
        "the other class.": lambda: 8 / scipy.special.logit(1 - 0.4),
        "You divided by the probability. Divide by its logit.": 8 / 0.8,
        "That is the inverse. The temperature divides the logit.": lambda: (
            scipy.special.logit(0.8) / 8
        ),
        "A temperature is positive. The confidence on background is 1 - P(y=1), and it has the "
        "logit 8, not -8.": lambda: -8 / scipy.special.logit(0.8),
    },
)

EXERCISES = (SWITCH, DISTURB, ONE_PIXEL)
