"""Exercises of notebook e5: an equivalent perturbation and temperature, and a training step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from scipy.optimize import brentq
from scipy.special import expit, logit

from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import MODERATION
from aslp_lib.aslp.theory import expected_confidence
from aslp_lib.course.exercises.framework import Exercise
from aslp_lib.course.recorded import perturbations

NOTEBOOK = "e5_perturbation_lab"


def _matching_temperature(score: Callable[[perturbations.Outcome], float]) -> float:
    """Return the temperature at which both networks have the same score, at alpha * beta = 0.6."""
    aim = score(perturbations.at_perturbation(0.6))
    return float(brentq(lambda t: score(perturbations.at_temperature(t)) - aim, 0.5, 50, xtol=1e-3))


def _step(z: float, y: float, level: float, rate: float) -> float:
    """Take one step of gradient descent by autograd."""
    logits = torch.tensor([[z]], dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([[y]], dtype=torch.float64)
    loss = sc_bce_with_logits(logits, labels, level, MODERATION, use_expected_targets=True)
    (gradient,) = torch.autograd.grad(loss, logits)
    return z - rate * gradient.item()


def _target(y: float, level: float) -> float:
    return (1 - level) * y + level / 2


MATCH = Exercise(
    name="e5/match",
    title="match them",
    question="""
On the test set, **at which temperature is plain BCE as sure, on average, as the network trained at
level 0.6 on expected targets?** Read it off the lab: the column "sure" of both rows must agree. One
digit after the point will do.
""",
    right=lambda: perturbations.matching_temperature(0.6),
    tolerance=0.15,
    expects="a temperature, such as 2.5",
    mistakes={
        "That is the temperature that matches the network trained at level 0.2. Set the level to "
        "0.6.": lambda: perturbations.matching_temperature(0.2),
        "That matches the network trained on sampled targets, which is less confident. Choose "
        "expected targets.": lambda: perturbations.matching_temperature(0.6, targets="drawn"),
        "That matches the confidence on background alone, in the last column. Compare the means "
        "over all pixels.": lambda: _matching_temperature(lambda outcome: outcome.background),
        "That matches the confidence on toss-ups alone. Compare the means over all pixels, in the "
        "column 'sure'.": lambda: _matching_temperature(lambda outcome: outcome.toss_ups),
        "That is the inverse of the temperature, by which the logits would be multiplied. A "
        "temperature divides them.": lambda: 1 / perturbations.matching_temperature(0.6),
    },
    hint="Set the level to 0.6 and raise T until both numbers in the column 'sure' agree.",
    why="A level and a temperature turn the same knob, mean confidence; they differ in where.",
    solution="""
from aslp_lib.course.recorded import perturbations

answer = perturbations.matching_temperature(0.6)
""",
)

LIMIT = Exercise(
    name="e5/limit",
    title="a temperature for the surest pixel",
    question="""
A background pixel has the logit -8 under plain BCE. A network that has learnt the labels of level
0.4 (alpha*beta) is never surer of a pixel than its expected target. **Which temperature makes the
BCE pixel just as sure?**
""",
    right=lambda: 8 / logit(float(expected_confidence(0.4, MODERATION))),
    tolerance=0.05,
    expects="a temperature, such as 2.5",
    mistakes={
        "You took 1 - alpha*beta as the confidence of the target. Only half of alpha*beta goes to "
        "the other class.": 8 / logit(1 - 0.4),
        "You divided by the probability. Divide by its logit.": 8 / 0.8,
        "That is the inverse. The temperature divides the logit.": logit(0.8) / 8,
        "A temperature is positive. The confidence on background is 1 - P(y=1), and it has the "
        "logit 8, not -8.": -8 / logit(0.8),
    },
    hint="Find the logit of the target's confidence, 1 - alpha*beta/2. T is 8 divided by it.",
    why="The logit of 0.8 is ln 4 = 1.39. A pixel of logit 16 would need twice the temperature: no "
    "single T caps all pixels as a level does.",
    solution="""
import math

answer = 8 / math.log(0.8 / 0.2)
""",
)

STEP = Exercise(
    name="e5/step",
    title="one step of training",
    question="""
**Write one step of gradient descent of a pixel's logit `z`**, label `y`, on the expected target of
moderation at level `level`, with learning rate `rate`; return the new logit. It is compared with
autograd on the library's loss.
""",
    right=_step,
    expects="the new logit, a number",
    mistakes={
        "That is gradient ascent, which increases the loss. Descent subtracts the gradient from "
        "the logit.": lambda z, y, level, rate: z + rate * (expit(z) - _target(y, level)),
        "That is a step on plain BCE, which compares with the label. The level changes the target "
        "of each pixel.": lambda z, y, level, rate: z - rate * (expit(z) - y),
        "Your target of a background pixel stays 0. Moderation moves the labels of both classes "
        "towards 1/2.": lambda z, y, level, rate: z - rate * (expit(z) - (1 - level) * y),
        "You compared the logit with the target. The gradient compares the probability, which is "
        "sigmoid(z).": lambda z, y, level, rate: z - rate * (z - _target(y, level)),
    },
    hint="BCE's gradient in the logit is sigmoid(z) minus the target, and the expected target is "
    "(1 - level) * y + level / 2.",
    why="It rests where sigmoid(z) is the target, so at a confidence of 1 - level/2.",
    grid=((0.0, 1.0, 0.2, 1.0), (3.0, 1.0, 0.4, 0.5), (-4.0, 0.0, 0.6, 1.0), (1.5, 0.0, 0.3, 0.1)),
    solution="""
import math


def answer(z, y, level, rate):
    probability = 1 / (1 + math.exp(-z))
    return z - rate * (probability - ((1 - level) * y + level / 2))
""",
)

EXERCISES = (MATCH, LIMIT, STEP)
