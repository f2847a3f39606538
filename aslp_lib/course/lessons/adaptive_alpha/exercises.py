"""Exercises: the gradient in alpha, and the measured-gap rule."""

from collections.abc import Callable

import numpy as np
import torch

from aslp_lib.aslp.alphas import alpha_gradient
from aslp_lib.aslp.perturbation import MODERATION, Technique
from aslp_lib.aslp.rules import MeasuredGap
from aslp_lib.course.exercises import Array, Point, exercise, read_only, unchanged


def _predictions(images: int, size: int, seed: int, spread: float) -> tuple[Array, ...]:
    """Make the logits of a network that is correct more often than not, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.random((images, size, size)) < 0.4
    return read_only(spread * (2 * labels - 1 + rng.normal(size=labels.shape)), labels)


_MAPS: tuple[Point, ...] = (
    (*_predictions(3, 4, 0, 2.0), 1.5),
    (*_predictions(1, 5, 1, 0.5), 1.0),
    (*_predictions(4, 3, 2, 40.0), 2.0),  # where 1 - sigmoid(z) is 0 in floating point
)


def _ascent(logits: Array, labels: Array, beta: float) -> Array:
    technique = Technique("exercise", beta)
    return alpha_gradient(torch.tensor(logits), torch.tensor(labels), technique).numpy()


def _is_zero_at_logit_0(answer: Callable[..., Array]) -> bool:
    logits, labels, beta = _MAPS[0]
    return bool((abs(answer(0 * logits, labels, beta)) < 1e-6).all())


def _is_independent_of_other_images(answer: Callable[..., Array]) -> bool:
    logits, labels, beta = _MAPS[0]
    return np.allclose(answer(logits[:1], labels[:1], beta), answer(logits, labels, beta)[:1])


def _bound_after_validation() -> float:
    rule = MeasuredGap(MODERATION, bound_gain=0.15)
    rule.bound.fill_(0.05)
    rule.observe(0.5, 0.75, warm_up_over=torch.tensor(True))
    return rule.bound.item()


ASCENT = exercise(
    "adaptive_alpha/ascent",
    grid=_MAPS,
    right=_ascent,
    tolerance=1e-4,
    expects="one finite number per image (log(1 - f) of a very confident pixel is infinite in "
    "floating point; its logit is not)",
    mistakes={
        "sum": lambda z, y, b: b * (z * (y - 0.5)).sum((1, 2)),
        "sign": lambda z, y, b: -b * ((y - 0.5) * z).mean((1, 2)),
        "twice": lambda z, y, b: 2 * b * ((y - 0.5) * z).mean((1, 2)),
        "no beta": lambda z, y, b: ((y - 0.5) * z).mean((1, 2)),
        "foreground": lambda z, y, b: b * (y * z).mean((1, 2)),
        "absolute": lambda z, y, b: b / 2 * abs(z).mean((1, 2)),
        "probabilities": lambda z, y, b: b * ((y - 0.5) / (1 + np.exp(-z))).mean((1, 2)),
    },
    properties={
        "logits of 0": _is_zero_at_logit_0,
        "other images": _is_independent_of_other_images,
        "classes": unchanged(_MAPS[0], lambda z, y, b: (-z, 1 - y, b)),
        "proportional": unchanged(_MAPS[0], lambda z, y, b: (z, y, b / 4), lambda slope: 4 * slope),
    },
)

GAP = exercise(
    "adaptive_alpha/gap",
    right=_bound_after_validation,
    mistakes={
        "probability": 0.05 + 0.15 * (0.55 - 0.5),
        "sign": 0.05 + 0.15 * (0.5 - 0.75),
        "no gain": 0.05 + 0.75 - 0.5,
        "change": 0.15 * (0.75 - 0.5),
        "accuracy": 0.05,
    },
)

EXERCISES = (ASCENT, GAP)
