"""Exercises: two fixed points, and the measured-gap rule."""

import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION
from aslp_lib.aslp.rules import MeasuredGap
from aslp_lib.course.exercises import exercise


def _difference_of_fixed_points() -> float:
    margins = torch.tensor([[1.2], [-0.5]])
    alphas = AdaptiveAlpha(2, HARD_INVERSION, constraint_weight=200, warm_up=0)
    alphas.observe(accuracy=1 - 0.129)
    for _ in range(500):
        alphas.update(torch.arange(2), margins, torch.ones(2, 1))
    fitted, unfitted = alphas.alpha.tolist()
    return float(fitted - unfitted)


def _bound_after_validation() -> float:
    rule = MeasuredGap(MODERATION, bound_gain=0.15)
    rule.bound.fill_(0.05)
    rule.observe(0.5, 0.75, warm_up_over=torch.tensor(True))
    return rule.bound.item()


TWO_IMAGES = exercise(
    "adaptive_alpha/two_images",
    right=_difference_of_fixed_points,
    mistakes={
        "formula": (1.2 + 0.5) / 200,
        "excess": 1.2 / 200,
        "bound": 0.129,
        "limit": 0.5,
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

EXERCISES = (TWO_IMAGES, GAP)
