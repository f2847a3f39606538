"""Exercises: the step of alpha and its stability."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha, Dynamics
from aslp_lib.aslp.perturbation import SOFT_INVERSION, Technique
from aslp_lib.course.exercises import Array, Point, exercise, read_only


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


def _limit_of_lambda() -> float:
    """Compute the limit of lambda from an explicit step of two alphas that differ by 0.1."""
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
    """Take the stable step, written out, with a mistake.

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


STABLE_STEP = exercise(
    "stability/stable_step",
    grid=_STEPS,
    right=_step,
    tolerance=1e-5,
    expects="an array of perturbation levels, one per image",
    mistakes={
        "explicit": _explicit,
        "all constrained": partial(_moved, judged="all"),
        "old alpha": partial(_moved, judged="old"),
        "projection": lambda a, g, acc, beta, eta, _: _moved(a, g, acc, beta, eta, 1e9),
        "slope": partial(_moved, slope=1.0),
        "not clipped": partial(_moved, clip=False),
    },
    properties={"order": _keeps_order},
)

STEP = exercise(
    "stability/step",
    right=_limit_of_lambda,
    tolerance=1.0,
    expects="a number, such as 500",
    mistakes={
        "gain 1": 1 / (0.002 * 1.5 / 2),
        "no beta": 2 / 0.002,
        "no eta": 2 / (1.5 / 2),
        "inverse": 0.002 * 1.5 / 2 / 2,
    },
)

EXERCISES = (STABLE_STEP, STEP)
