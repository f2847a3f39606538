"""Exercises: fixed points, the measured-gap rule, and a better student of MC."""

import numpy as np
import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.aslp.rules import MeasuredGap
from aslp_lib.aslp.theory import minimiser
from aslp_lib.course.exercises import Array, exercise, read_only


def _fixed_points(margins: Array, bound: float, weight: float) -> Array:
    """Repeat the library's update, with one pixel of each margin, until the alphas stand still."""
    alphas = AdaptiveAlpha(
        len(margins),
        HARD_INVERSION,
        alpha_step_size=0.02,  # larger than in training, to be there soon
        constraint_weight=weight,
        warm_up=0,
    )
    alphas.observe(accuracy=1 - bound)
    logits = torch.tensor(margins)[:, None]
    for _ in range(200):
        alphas.update(torch.arange(len(margins)), logits, torch.ones_like(logits))
    return alphas.alpha.double().numpy()


def _bound_after_validation() -> float:
    rule = MeasuredGap(HARD_INVERSION, bound_gain=0.15)
    rule.bound.fill_(0.05)
    rule.observe(0.5, 0.75, warm_up_over=torch.tensor(True))
    return rule.bound.item()


def _confidence_of_student() -> float:
    """Train on two kinds of pixels whose mean confidence and accuracy are 0.92."""
    pi = torch.tensor([0.99, 0.15], dtype=torch.float64)
    alpha = AdaptiveAlpha(1, HARD_INVERSION).rule.ceiling(0.92)
    f = minimiser(pi, alpha, HARD_INVERSION)
    return torch.maximum(f, 1 - f).mean().item()


FIXED_POINTS = exercise(
    "adaptive_alpha/fixed_points",
    right=_fixed_points,
    tolerance=1e-4,
    expects="an array of alphas, one for each image",
    mistakes={
        "formula": lambda m, bound, weight: bound + m / weight,
        "excess": lambda m, bound, weight: np.maximum(m, 0) / weight,
        "bound": lambda m, bound, weight: np.where(m > 0, bound, 0),
        "no limit": lambda m, bound, weight: np.where(m > 0, bound + m / weight, 0),
    },
    grid=(
        (*read_only([1.2, -0.5, 1.9]), 0.129, 200.0),
        (*read_only([3, 0.8, -2, -0.1]), 0.2, 10.0),
        (*read_only([0.5, 6]), 0.1, 10.0),
    ),
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

STUDENT = exercise(
    "adaptive_alpha/student",
    right=_confidence_of_student,
    mistakes={
        "targets": 0.92,
        "alpha": 0.5 + 0.92 * 0.42,
        "no half": 0.84 * 0.92,
        "lesson": 0.5 + (1 - 0.27) * 0.42,
    },
)

EXERCISES = (FIXED_POINTS, GAP, STUDENT)
