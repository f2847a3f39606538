"""Exercises of notebook 10: an equivalent perturbation and temperature, and a training step."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from scipy.optimize import brentq

from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import MODERATION
from aslp_lib.aslp.theory import expected_confidence
from aslp_lib.course.exercises.framework import Exercise
from aslp_lib.course.recorded import perturbations

NOTEBOOK = "10_level_lab"


def _cap(level: float) -> float:
    return float(expected_confidence(level, MODERATION))


def _matching_temperature(score: Callable[[perturbations.Outcome], float]) -> float:
    """Return the temperature at which both networks have the same score, at alpha * beta = 0.6."""
    aim = score(perturbations.at_perturbation(0.6))
    return float(brentq(lambda t: score(perturbations.at_temperature(t)) - aim, 0.5, 50, xtol=1e-3))


def _temperature(logit: float, probability: float) -> float:
    """Return the temperature that maps a logit to a probability."""
    return logit / math.log(probability / (1 - probability))


def _step(z: float, y: float, level: float, rate: float) -> float:
    """Take one step of gradient descent by autograd."""
    logit = torch.tensor([[z]], dtype=torch.float64, requires_grad=True)
    label = torch.tensor([[y]], dtype=torch.float64)
    sc_bce_with_logits(logit, label, level, MODERATION, use_expected_targets=True).backward()
    assert logit.grad is not None
    return z - rate * logit.grad.item()


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def _target(y: float, level: float) -> float:
    return (1 - level) * y + level / 2


MATCH = Exercise(
    name="10/match",
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
        "That is the temperature for level 0.2.": lambda: perturbations.matching_temperature(0.2),
        "That is as sure as the network on drawn targets, which is less sure at this "
        "level.": lambda: perturbations.matching_temperature(0.6, targets="drawn"),
        "That is where they agree on background alone, in the last column.": lambda: (
            _matching_temperature(lambda outcome: outcome.background)
        ),
        "That is where they agree on toss-ups alone.": lambda: _matching_temperature(
            lambda outcome: outcome.toss_ups
        ),
        "That is its inverse, which the logits would be multiplied by.": lambda: (
            1 / perturbations.matching_temperature(0.6)
        ),
    },
    hint="Set the level to 0.6 and raise T until the two numbers in the column 'sure' agree.",
    why="A level and a temperature turn the same knob, mean confidence; they differ in where.",
    solution="""
from aslp_lib.course.recorded import perturbations

answer = perturbations.matching_temperature(0.6)
""",
)

LIMIT = Exercise(
    name="10/limit",
    title="a temperature for the surest pixel",
    question="""
A background pixel has the logit -8 under plain BCE. A network that has learnt the labels of level
0.4 (alpha*beta) is never surer of a pixel than its expected target. **Which temperature makes the
BCE pixel just as sure?**
""",
    right=lambda: _temperature(8, _cap(0.4)),
    tolerance=0.05,
    expects="a temperature, such as 2.5",
    mistakes={
        "You took 1 - alpha*beta for the target's confidence. Only half of alpha*beta goes to the "
        "other class.": _temperature(8, 1 - 0.4),
        "You divided by the probability. T divides the logit: what is the logit of 0.8?": (
            8 / _cap(0.4)
        ),
        "That is its inverse. The logit is divided by T.": 1 / _temperature(8, _cap(0.4)),
        "A temperature is positive: of a background pixel the confidence is 1 - P(y=1), whose "
        "logit is +8.": -_temperature(8, _cap(0.4)),
    },
    hint="The target's confidence is 1 - alpha*beta/2. Which logit has it? T is 8 over that.",
    why="The logit of 0.8 is ln 4 = 1.39. A pixel of logit 16 would need twice the temperature: no "
    "single T caps all pixels as a level does.",
    solution="""
import math

answer = 8 / math.log(0.8 / 0.2)
""",
)

STEP = Exercise(
    name="10/step",
    title="one step of training",
    question="""
**Write one step of gradient descent of a pixel's logit `z`**, label `y`, on the expected target of
moderation at level `level`, with learning rate `rate`; return the new logit. It is compared with
autograd on the library's loss.
""",
    right=_step,
    tolerance=1e-3,
    expects="the new logit, a number",
    mistakes={
        "That climbs: the loss becomes larger. Descent goes against the "
        "gradient.": lambda z, y, level, rate: z + rate * (_sigmoid(z) - _target(y, level)),
        "That is plain BCE. The level changes the target.": lambda z, y, level, rate: (
            z - rate * (_sigmoid(z) - y)
        ),
        "Your target of a background pixel stays 0. Moderation moves both classes towards "
        "1/2.": lambda z, y, level, rate: z - rate * (_sigmoid(z) - (1 - level) * y),
        "You compared the logit with the target. The gradient compares sigmoid(z), the "
        "probability.": lambda z, y, level, rate: z - rate * (z - _target(y, level)),
    },
    hint="BCE's gradient in the logit is sigmoid(z) less the target; the expected target is "
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
