"""Exercises of notebook 04: adaptive alphas, their gradient, their rules and their step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha, Dynamics, alpha_gradient
from aslp_lib.aslp.perturbation import MODERATION, SOFT_INVERSION, Technique
from aslp_lib.aslp.rules import MeasuredGap
from aslp_lib.aslp.theory import expected_confidence
from aslp_lib.course.exercises.framework import Array, Exercise, Point, read_only, unchanged

NOTEBOOK = "04_adaptive_alpha"

_ACCURACIES = (0.7, 0.85, 0.95, 1.0)


def _gradient() -> float:
    logits, labels = torch.tensor([[4.0, 2.0, -3.0, 1.0]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    return alpha_gradient(logits, labels, SOFT_INVERSION).item()


def _bound(accuracy: float, beta: float) -> float:
    """Return the alpha at which the expected confidence of the target equals the accuracy.

    The expected confidence falls linearly with alpha.
    """
    technique = Technique("exercise", beta)
    alpha = (1 - accuracy) / (1 - float(expected_confidence(1.0, technique)))
    return min(alpha, technique.alpha_limit)


def _bound_after_validation() -> float:
    rule = MeasuredGap(MODERATION, bound_gain=0.15)
    rule.bound.fill_(0.05)
    rule.observe(0.5, 0.75, warm_up_over=torch.tensor(True))
    return rule.bound.item()


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
    technique = Technique("exercise", beta)
    alphas = AdaptiveAlpha(
        len(alpha),
        technique,
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


def resting_alpha(margin: float, weight: float) -> float:
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
)


def _keeps_order(answer: Callable[..., Array]) -> bool:
    """Return whether images that differ only in their old alpha keep their order."""
    old = np.array([0.0, 0.05, 0.1, 0.2, 0.4])
    new = answer(old, np.full(5, 1.0), 0.9, 2.0, 0.002, 2000.0)
    return bool((np.diff(new) >= -1e-6).all())


GRADIENT = Exercise(
    name="04/gradient",
    title="one image's gradient",
    question="""
An image of four pixels with labels 1, 1, 0, 0 and logits 4, 2, -3, 1, and soft inversion
(beta = 1.5). **What is the gradient of its expected loss in alpha, in nats per pixel?**
""",
    right=_gradient,
    tolerance=0.01,
    expects="a number of nats per pixel, such as 0.8",
    mistakes={
        "That is the sum over the pixels. Take their mean.": 1.5 / 2 * (4 + 2 + 3 - 1),
        "The sign is wrong. Perturbing a mostly correct image increases its loss.": -1.5,
        "That is twice the gradient. The mean signed margin is multiplied by beta/2.": 1.5 * 2,
        "You divided by beta/2 instead of multiplying, as the authors' code does.": 2 / (1.5 / 2),
        "You took every margin as positive. The last pixel has label 0 and logit 1: its margin is "
        "-1.": 1.5 / 2 * (4 + 2 + 3 + 1) / 4,
        "You averaged the logits. On background, the signed margin of a pixel is its negative "
        "logit.": 1.5 / 2 * (4 + 2 - 3 + 1) / 4,
    },
    hint="Negate the logits on background, average them over the pixels, and multiply by beta/2.",
    why="The signed margins are 4, 2, 3 and -1, their mean is 2, and the gradient is beta/2 times "
    "that.",
    solution="""
margins = [4, 2, 3, -1]  # the logit where the label is 1, minus the logit where it is 0
answer = 1.5 / 2 * sum(margins) / len(margins)
""",
)

BOUND = Exercise(
    name="04/bound",
    title="where MC begins to give way",
    question="""
MC lets a level climb until the target's expected confidence has come down to the accuracy. **At
which alpha is that?** Write the function. Mind that alpha is a probability and must keep the
decision.
""",
    grid=tuple((a, beta) for a in _ACCURACIES for beta in (0.3, 1.0, 1.5, 2.0)),
    right=_bound,
    tolerance=1e-4,
    mistakes={
        "The formula is right, but for a small beta it exceeds the limit of alpha, which is min(1, "
        "1/beta).": lambda a, b: 2 * (1 - a) / b,
        "That is half of it: confidence decreases by alpha*beta/2. It would be right for the "
        "release's beta.": lambda a, b: (1 - a) / b,
        "That is the formula for moderation. A stronger technique needs a smaller alpha: include "
        "beta.": lambda a, b: 2 * (1 - a),
        "You used the accuracy instead of the error rate. At A = 1, no label needs to be perturbed "
        "at all.": lambda a, b: 2 * a / b,
        "That is the limit that keeps the decision. MC's constraint is active much earlier, from 1 "
        "- alpha*beta/2 = A on.": lambda a, b: min(1, 1 / b),
    },
    hint="Solve 1 - alpha*beta/2 = A for alpha.",
    why="1 - alpha*beta/2 = A gives alpha = 2 (1 - A) / beta, as long as that is at most "
    "min(1, 1/beta).",
    solution="""
def answer(accuracy, beta):
    return min(2 * (1 - accuracy) / beta, 1, 1 / beta)
""",
)

GAP = Exercise(
    name="04/gap",
    title="one move of the measured-gap rule",
    question="""
Four validation pixels with predicted P(y=1) of 0.9, 0.2, 0.4 and 0.7, and labels 1, 0, 1, 0. The
bound stands at 0.05, its gain is k = 0.15, the technique moderation. **Where does it stand after
this validation?**
""",
    right=_bound_after_validation,
    mistakes={
        "You took P(y=1) for confidence. A pixel with P(y=1) = 0.2 is predicted background, with "
        "confidence 0.8.": 0.05 + 0.15 * (0.55 - 0.5),
        "The sign is wrong: overconfidence raises the bound.": 0.05 + 0.15 * (0.5 - 0.75),
        "The gap is right, but the bound moves by only k times the gap.": 0.05 + 0.75 - 0.5,
        "That is the change. The bound starts at 0.05.": 0.15 * (0.75 - 0.5),
        "The third and the fourth pixel are predicted incorrectly: the accuracy is 2/4.": 0.05,
    },
    hint="Subtract the accuracy from the mean of max(p, 1 - p), multiply by k, and add the bound.",
    why="Confidence is (0.9 + 0.8 + 0.6 + 0.7) / 4 = 0.75, accuracy 2/4: the gap of 0.25 moves "
    "the bound by 0.15 times that, far under its ceiling 2 (1 - A) / beta.",
    solution="""
foreground, truth = [0.9, 0.2, 0.4, 0.7], [1, 0, 1, 0]
sure = sum(max(p, 1 - p) for p in foreground) / 4
right = sum((p >= 0.5) == (y == 1) for p, y in zip(foreground, truth, strict=True)) / 4
answer = 0.05 + 0.15 * (sure - right)
""",
)

STEP = Exercise(
    name="04/step",
    title="the largest lambda",
    question="""
The explicit step, soft inversion (beta = 1.5), eta = 0.002. **Beyond which lambda do the levels no
longer settle?**
""",
    right=_largest_weight,
    tolerance=1.0,
    expects="a number of nats per unit of R, such as 500",
    mistakes={
        "That is a gain of 1. Up to 2, alpha oscillates but converges.": 1 / (0.002 * 1.5 / 2),
        "You omitted beta/2, by which confidence decreases per unit of alpha.": 2 / 0.002,
        "You omitted eta: the constraint acts through a step of this size.": 2 / (1.5 / 2),
        "That is the inverse ratio: a smaller eta allows a larger lambda.": 0.002 * 1.5 / 2 / 2,
    },
    hint="An excess e over the bound becomes (1 - eta*lambda*beta/2) * e. When does that shrink?",
    why="The excess is multiplied by 1 - eta*lambda*beta/2 in each step, and shrinks while the "
    "gain is under 2: lambda < 4 / (eta*beta).",
    solution="answer = 2 / (0.002 * 1.5 / 2)  # eta * lambda * beta / 2 = 2",
)

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
    },
    properties={
        "Of two images with the same gradient, the one with the higher alpha must keep the higher "
        "one. Your step reverses them, which makes the alphas oscillate.": _keeps_order,
        "Reversed images must give the reversed result: each alpha depends on its own value and "
        "gradient.": unchanged(_STEPS[0], lambda a, g, *rest: (a[::-1], g[::-1], *rest), np.flip),
    },
    hint="Ascend first: c = alpha + eta*gradient. Where beta*c/2 exceeds 1 - accuracy, solve a = c "
    "+ eta*weight*(1 - beta*a/2 - accuracy) for a.",
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

REST = Exercise(
    name="04/rest",
    title="where a level rests",
    question="""
MC with moderation (beta = 1), lambda = 200, accuracy 0.85. An image's mean signed margin is 1.6
nats and stays there. **At which alpha does its level rest?** Three decimals.
""",
    right=lambda: resting_alpha(1.6, 200.0),
    mistakes={
        "That is the bound. The gradient holds alpha above it: the constraint is soft.": 0.3,
        "Alpha converges above the bound: below it, no constraint is active.": 0.3 - 2 * 0.8 / 200,
        "You used the mean margin as the gradient, which is beta/2 times it.": 0.3 + 2 * 1.6 / 200,
        "That takes the excess in confidence, grad / lambda, as the excess in alpha, which is "
        "2/beta times as large.": 0.3 + 0.8 / 200,
        "That is for hard inversion, with beta = 2. Here beta is 1.": 0.15 + 1.6 / 200,
    },
    hint="Solve 0 = grad + lambda * (1 - beta*alpha/2 - A), where grad is beta/2 times the margin.",
    why="alpha = 2/beta * (1 - A + grad/lambda): the bound of 0.300 and 2 * 0.8 / 200 beyond it.",
    solution="""
push = 1.0 / 2 * 1.6  # the gradient: beta/2 times the margin
answer = 2 / 1.0 * (1 - 0.85 + push / 200)
""",
)

EXERCISES = (GRADIENT, BOUND, GAP, STEP, PROXIMAL, REST)
