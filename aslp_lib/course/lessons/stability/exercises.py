"""Exercises: the step of alpha, its stability and its fixed point."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha, Dynamics
from aslp_lib.aslp.perturbation import SOFT_INVERSION, Technique
from aslp_lib.course.exercises import Array, Point, exercise, read_only, unchanged


def _step(
    alpha: Array,
    gradient: Array,
    accuracy: float,
    beta: float,
    eta: float,
    weight: float,
    dynamics: Dynamics = "stable",
) -> Array:
    """Take the library's step, with signed margins of 2/beta times the gradient."""
    alphas = AdaptiveAlpha(
        len(alpha),
        Technique("exercise", beta),
        alpha_step_size=eta,
        constraint_weight=weight,
        warm_up=0,
        dynamics=dynamics,
    )
    alphas.alpha.copy_(torch.tensor(alpha))
    alphas.observe(accuracy)
    logits = torch.tensor(2 / beta * gradient).unsqueeze(1)
    alphas.update(torch.arange(len(alpha)), logits, torch.ones_like(logits))
    return alphas.alpha.double().numpy()


def fixed_point(margin: float, weight: float) -> float:
    """Return the fixed point of MC with moderation, at an accuracy of 0.85.

    A stable step of this size reaches it from any alpha.
    """
    return _step(np.zeros(1), np.full(1, margin / 2), 0.85, 1.0, 1e6, weight).item()


def _largest_weight() -> float:
    """Compute the largest stable lambda from an explicit step of two alphas that differ by 0.1."""
    alpha = np.array([0.3, 0.4])
    low, high = _step(alpha, np.zeros(2), 0.9, SOFT_INVERSION.beta, 0.002, 100.0, "release")
    return 2 * 100.0 / (1 - (high - low) / 0.1)


def _clipped(alpha: Array, beta: float) -> Array:
    return alpha.clip(0, Technique("exercise", beta).alpha_limit)


def _explicit(
    alpha: Array, gradient: Array, accuracy: float, beta: float, eta: float, weight: float
) -> Array:
    constraint = np.minimum(1 - beta * alpha / 2 - accuracy, 0)
    return _clipped(alpha + eta * (gradient + weight * constraint), beta)


def _moved(
    alpha: Array,
    gradient: Array,
    accuracy: float,
    beta: float,
    eta: float,
    weight: float,
    *,
    judged: str = "new",
    slope: float | None = None,
    clip: bool = True,
) -> Array:
    """Take the proximal step, written out, with a mistake.

    Args:
        judged: which alpha decides whether an image is beyond the bound: "new" or "old"; "all"
            treats every image as beyond it.
        slope: factor in place of beta/2 in the gain.
        clip: clip alphas to their limits.
    """
    free, pull = alpha + eta * gradient, eta * weight
    constrained = (free + pull * (1 - accuracy)) / (1 + pull * (slope or beta / 2))
    tested = {"new": free, "old": alpha, "all": np.full_like(alpha, np.inf)}[judged]
    moved = np.where(beta / 2 * tested > 1 - accuracy, constrained, free)
    return _clipped(moved, beta) if clip else moved


_STEPS: tuple[Point, ...] = (
    # the paper's numbers: a gain of 4
    (*read_only([0.02, 0.06, 0.1, 0.3, 0], [0.8, 4, 1.5, 2.5, -1.2]), 0.92, 2.0, 0.002, 2000.0),
    (*read_only([0.38, 0.36, 0.2, 0.5, 0.45], [1.1, 6, 2, 0.4, -3]), 0.8, 1.0, 0.01, 200.0),
    (*read_only([0.3, 0.1, 0.7, 0, 0.9], [70, 3, 45, -9, -400]), 0.4, 1.5, 0.005, 50.0),
    # 1/beta is 2: the second alpha ends between the limit, 1, and the bound, 1.6
    (*read_only([0.4, 0.95, 0.2, 0.7, 0.99], [3, 20, 400, -9, 0.5]), 0.6, 0.5, 0.01, 200.0),
)


def _keeps_order(answer: Callable[..., Array]) -> bool:
    """Return whether images that differ only in their old alpha keep their order."""
    old = np.array([0.0, 0.05, 0.1, 0.2, 0.4])
    new = answer(old, np.full(5, 1.0), 0.9, 2.0, 0.002, 2000.0)
    return bool((np.diff(new) >= -1e-6).all())


PROXIMAL = exercise(
    "stability/proximal",
    grid=_STEPS,
    right=_step,
    tolerance=1e-5,
    expects="an array of perturbation levels, one per image",
    mistakes={
        "That is the explicit step, which evaluates the constraint at the old alpha. At a gain "
        "above 2 it overshoots by more than the excess.": _explicit,
        "R is at most 0 and raises no alpha. An alpha that is below the bound after its ascent "
        "keeps its value.": partial(_moved, judged="all"),
        "You compare the old alpha with the bound. Compare the new one: an alpha that crosses the "
        "bound in this step is held back too.": partial(_moved, judged="old"),
        "That is the projection onto the bound, as for infinite lambda. A finite lambda lets alpha "
        "exceed it.": lambda a, g, acc, beta, eta, _: _moved(a, g, acc, beta, eta, 1e9),
        "The gain of the step is eta*lambda*beta/2, because confidence decreases by beta/2 per "
        "unit of alpha.": partial(_moved, slope=1.0),
        "Only the limits are missing: clip to [0, min(1, 1/beta)].": partial(_moved, clip=False),
        "Alpha is a probability. Where beta is below 1, the upper limit is therefore 1, not "
        "1/beta.": lambda a, g, acc, beta, *rest: _moved(a, g, acc, beta, *rest, clip=False).clip(
            0, 1 / beta
        ),
    },
    properties={
        "Of two images with the same gradient, the one with the higher alpha must keep the higher "
        "one. Your step reverses them, which makes the alphas oscillate.": _keeps_order,
        "Reversed images must give the reversed result: each alpha depends on its own value and "
        "gradient.": unchanged(_STEPS[0], lambda a, g, *rest: (a[::-1], g[::-1], *rest), np.flip),
    },
)

STEP = exercise(
    "stability/step",
    right=_largest_weight,
    tolerance=1.0,
    expects="a number of nats per unit of R, such as 500",
    mistakes={
        "That is a gain of 1. Up to 2, alpha oscillates but converges.": 1 / (0.002 * 1.5 / 2),
        "You omitted beta/2, by which confidence decreases per unit of alpha.": 2 / 0.002,
        "You omitted eta: the constraint acts through a step of this size.": 2 / (1.5 / 2),
        "That is the inverse ratio: a smaller eta allows a larger lambda.": 0.002 * 1.5 / 2 / 2,
    },
)

FIXED_POINT = exercise(
    "stability/fixed_point",
    right=lambda: fixed_point(1.6, 200.0),
    mistakes={
        "That is the bound. The gradient holds alpha above it: the constraint is soft.": 0.3,
        "Alpha converges above the bound: below it, no constraint is active.": 0.3 - 2 * 0.8 / 200,
        "You used the mean margin as the gradient, which is beta/2 times it.": 0.3 + 2 * 1.6 / 200,
        "That takes the excess in confidence, grad / lambda, as the excess in alpha, which is "
        "2/beta times as large.": 0.3 + 0.8 / 200,
        "That is for hard inversion, with beta = 2. Here beta is 1.": 0.15 + 1.6 / 200,
    },
)

EXERCISES = (PROXIMAL, STEP, FIXED_POINT)
