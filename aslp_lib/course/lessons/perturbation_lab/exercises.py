"""Exercises: temperatures that match a mean or a largest confidence."""

import numpy as np
import scipy  # imports its modules at their first use, so that importing the exercises is fast

from aslp_lib.aslp.perturbation import MODERATION
from aslp_lib.aslp.theory import expected_confidence
from aslp_lib.course.exercises import Array, Exercise, read_only


def _matching_temperature(logits: Array, confidence: float) -> float:
    """Return the temperature at which the mean confidence has a given value."""

    def excess(temperature: float) -> float:
        return float(scipy.special.expit(abs(logits) / temperature).mean() - confidence)

    return float(scipy.optimize.brentq(excess, 1e-3, 1e3))


def _logits(scale: float, seed: int) -> Array:
    """Make the logits of 200 pixels."""
    (logits,) = read_only(scale * np.random.default_rng(seed).normal(size=200))
    return logits


MATCH = Exercise(
    name="perturbation_lab/match",
    title="match a mean confidence",
    question="""
An array `logits` holds the logits of a network for many pixels. **Write a function that returns the
temperature at which their mean confidence equals `confidence`**, a number between 1/2 and the mean
confidence at a temperature near 0. The mean confidence falls as the temperature rises, so you can
search the interval from 0.01 to 100 by bisection.
""",
    right=_matching_temperature,
    expects="a temperature, such as 2.5",
    tolerance=0.005,
    mistakes={
        "That is the inverse of the temperature. A temperature divides the logits.": (
            lambda logits, confidence: 1 / _matching_temperature(logits, confidence)
        ),
        "That gives the pixel with the largest logit this confidence. Match the mean over all "
        "pixels.": lambda logits, confidence: abs(logits).max() / scipy.special.logit(confidence),
        "That gives the mean logit this confidence. Compute each pixel's confidence first, and "
        "then the mean.": lambda logits, confidence: (
            abs(logits).mean() / scipy.special.logit(confidence)
        ),
        "You divided by the confidence. The logit of a confidence is "
        "log(confidence / (1 - confidence)).": lambda logits, confidence: (
            abs(logits).mean() / confidence
        ),
    },
    hint="The confidence of a pixel is sigmoid(|logit| / T). Halve an interval of T repeatedly: if "
    "the mean confidence in its middle is too high, T must be larger.",
    why="Temperature scaling can match any mean confidence, because confidence falls with T.",
    grid=((_logits(2.0, 0), 0.7), (_logits(5.0, 1), 0.86), (_logits(8.0, 2), 0.6)),
    solution="""
import numpy as np


def answer(logits, confidence):
    low, high = 0.01, 100.0
    for _ in range(50):
        middle = (low + high) / 2
        mean_confidence = (1 / (1 + np.exp(-abs(logits) / middle))).mean()
        low, high = (middle, high) if mean_confidence > confidence else (low, middle)
    return low
""",
    alternative="""
import numpy as np
from scipy.optimize import brentq


# A root finder of SciPy needs fewer steps than bisection.
def answer(logits, confidence):
    return brentq(lambda t: (1 / (1 + np.exp(-abs(logits) / t))).mean() - confidence, 0.01, 100)
""",
)

LIMIT = Exercise(
    name="perturbation_lab/limit",
    title="a temperature for one pixel",
    question="""
A background pixel has the logit -8 under BCE. A network that fits its expected targets at an
expected perturbation alpha*beta of 0.4 has the confidence of the target on every pixel. **Which
temperature gives the BCE network the same confidence on this pixel?**
""",
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
    hint="Find the logit of the target's confidence, 1 - alpha*beta/2. T is 8 divided by it.",
    why="The logit of 0.8 is ln 4 = 1.39. A pixel with the logit 16 would need twice the "
    "temperature: no single T gives all pixels the same confidence.",
    solution="""
import math

answer = 8 / math.log(0.8 / 0.2)
""",
)

EXERCISES = (MATCH, LIMIT)
