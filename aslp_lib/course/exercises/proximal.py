"""Exercise of notebook 04: the proximal step of MC."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.perturbation import Technique
from aslp_lib.course.exercises.framework import Array, Exercise, read_only, unchanged


def _proximal(
    alpha: Array, gradient: Array, accuracy: float, beta: float, eta: float, weight: float
) -> Array:
    """Take the library's proximal step, with signed margins of 2/beta times the gradient."""
    alphas = AdaptiveAlpha(
        len(alpha),
        Technique("exercise", beta),
        alpha_step_size=eta,
        constraint_weight=weight,
        warm_up=0,
    )
    alphas.alpha.copy_(torch.tensor(alpha))
    alphas.observe(accuracy)
    logits = torch.tensor(2 / beta * gradient).unsqueeze(1)
    alphas.update(torch.arange(len(alpha)), logits, torch.ones_like(logits))
    return alphas.alpha.double().numpy()


def _clipped(alpha: Array, beta: float) -> Array:
    return alpha.clip(0, Technique("exercise", beta).alpha_limit)


def _explicit(
    alpha: Array, gradient: Array, accuracy: float, beta: float, eta: float, weight: float
) -> Array:
    constraint = np.minimum(1 - beta * alpha / 2 - accuracy, 0)
    return _clipped(alpha + eta * (gradient + weight * constraint), beta)


def _projected(
    alpha: Array, gradient: Array, accuracy: float, beta: float, eta: float, weight: float
) -> Array:
    return _clipped(np.minimum(alpha + eta * gradient, 2 * (1 - accuracy) / beta), beta)


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


_ALPHAS, _GRADIENTS = read_only([0.02, 0.06, 0.1, 0.3, 0.0], [0.8, 4.0, 1.5, 2.5, -1.2])
_CROSSING = read_only([0.38, 0.36, 0.2, 0.5, 0.45], [1.1, 6.0, 2.0, 0.4, -3.0])
_FAR = read_only([0.3, 0.1, 0.7, 0.0, 0.9], [70.0, 3.0, 45.0, -9.0, -400.0])
_STEPS = (
    (_ALPHAS, _GRADIENTS, 0.92, 2.0, 0.002, 2000.0),  # the paper's numbers: a gain of 4
    (_CROSSING[0], _CROSSING[1], 0.8, 1.0, 0.01, 200.0),
    (_FAR[0], _FAR[1], 0.4, 1.5, 0.005, 50.0),
)


def _keeps_order(answer: Callable[..., Array]) -> bool:
    """Return whether images that differ only in their old alpha keep their order."""
    old = np.array([0.0, 0.05, 0.1, 0.2, 0.4])
    new = answer(old, np.full(5, 1.0), 0.9, 2.0, 0.002, 2000.0)
    return bool((np.diff(new) >= -1e-6).all())


PROXIMAL = Exercise(
    name="04/proximal",
    title="write the stable step",
    question="""
Write MC's proximal step, the one that settles at every gain. `alpha` and `gradient` are arrays with
a level and a gradient an image; `accuracy`, `beta`, `eta` and `weight` (lambda) are numbers.
**Return the array of new levels**, between 0 and their limit min(1, 1/beta). It is checked on
levels and gradients that you do not see.
""",
    grid=_STEPS,
    right=_proximal,
    tolerance=1e-5,
    expects="a function that returns an array of levels, one an image",
    mistakes={
        "That is the explicit step: its constraint is taken at the old level, so that at a gain "
        "over 2 it throws a level further back than it was beyond.": _explicit,
        "R is at most 0: it pulls no level up. One that is under the bound after its climb stays "
        "where the climb took it.": partial(_moved, judged="all"),
        "You look at the old level to see who is beyond the bound. The constraint counts at the "
        "new one: a level that crosses the bound in this step is held back, "
        "too.": partial(_moved, judged="old"),
        "That is the projection onto the bound, the limit of an infinite lambda. A soft constraint "
        "lets a level rest beyond.": _projected,
        "The gain is eta*lambda*beta/2: confidence falls by beta/2 per unit of alpha.": partial(
            _moved, slope=1.0
        ),
        "The levels are right but for their limits: none is under 0 or over min(1, "
        "1/beta).": partial(_moved, clip=False),
    },
    properties={
        "Of two images with one gradient, the one whose level was higher must stay higher: yours "
        "passes it on the way back, which is what makes a saw-tooth.": _keeps_order,
        "Turn the images' order round and their levels must turn with them: each depends on its "
        "own level and gradient alone.": unchanged(
            _STEPS[0],
            lambda alpha, gradient, *numbers: (alpha[::-1], gradient[::-1], *numbers),
            back=np.flip,
        ),
    },
    hint="Climb first: c = alpha + eta*gradient. Where beta*c/2 is over 1 - accuracy, solve "
    "a = c + eta*weight*(1 - beta*a/2 - accuracy) for a.",
    why="With c = alpha + eta*gradient, a = (c + eta*weight*(1 - accuracy)) / "
    "(1 + eta*weight*beta/2) where c is beyond the bound, and a = c elsewhere.",
    solution="""
import numpy as np


def answer(alpha, gradient, accuracy, beta, eta, weight):
    climbed = alpha + eta * gradient
    solved = (climbed + eta * weight * (1 - accuracy)) / (1 + eta * weight * beta / 2)
    moved = np.where(beta * climbed / 2 > 1 - accuracy, solved, climbed)
    return np.clip(moved, 0, min(1, 1 / beta))
""",
)
