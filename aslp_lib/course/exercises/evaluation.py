"""Exercises of notebook 06: chance in estimates, the parts of Brier's score, stretched maps."""

from __future__ import annotations

import math

import numpy as np

from aslp_lib.course.exercises.framework import Exercise, Mistake
from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.counts import Counts, min_max

NOTEBOOK = "06_evaluating_calibration"


def _mean_ece(pixels: int) -> float:
    """Mean ECE of so many pixels at 0.8, each right with that probability: over the binomial."""
    mean = 0.0
    for right in range(pixels + 1):
        log_choose = math.lgamma(pixels + 1) - math.lgamma(right + 1)
        log_choose -= math.lgamma(pixels - right + 1)
        weight = math.exp(log_choose + right * math.log(0.8) + (pixels - right) * math.log(0.2))
        mean += weight * calibration.ece(_pixels(204, right, pixels - right))
    return mean


def _pixels(grey_level: int, foreground: int, background: int) -> Counts:
    table = np.zeros((1, 2, 256), np.int64)
    table[0, :, grey_level] = background, foreground
    return Counts(table)


_CONSTANT = _pixels(51, foreground=30, background=70)


def _stretched(p: float, low: float, high: float) -> float:
    grey_levels = np.rint(255 * np.array([[low, p, high]])).astype(np.uint8)
    return min_max(grey_levels)[0, 1] / 255


SAMPLE = Exercise(
    name="06/sample",
    title="sixteen times the pixels",
    question="""
A network says 0.8 of every pixel, and 80 % of all pixels there are would be right. On 25 pixels
its ECE is 6.3 % on average over samples. **What is it on average on 400 pixels?** Give a share in
[0, 1]; two digits will do.
""",
    right=lambda: _mean_ece(400),
    tolerance=0.001,
    expects="a share in [0, 1], such as 0.05",
    mistakes=(
        Mistake(
            lambda: _mean_ece(25) / 16,
            "That falls as one over the number of pixels. The mean distance of a share from its "
            "expectation falls as one over its square root.",
        ),
        Mistake(
            lambda: 0.0,
            "The network's true error is 0, but a sample's ECE is an absolute value: chance makes "
            "it positive and can never make it negative.",
        ),
        Mistake(
            lambda: _mean_ece(25),
            "That is its mean on 25 pixels. More pixels are right more nearly as often as they "
            "should be.",
        ),
        Mistake(
            lambda: _mean_ece(25) / 2,
            "That would be four times the pixels: the error falls as one over the square root.",
        ),
        Mistake(lambda: round(100 * _mean_ece(400), 2), "The right number in percent."),
    ),
    hint="Sixteen times the pixels: by what factor does one over the square root fall?",
    why="It falls as one over the root of the sample: a quarter for sixteen times the pixels.",
    solution="""
answer = 0.063 / 16**0.5
""",
)

BRIER = Exercise(
    name="06/brier",
    title="a constant forecast",
    question="""
A network says P(y=1) = 0.2 of every pixel, and 30 % of the pixels are foreground. **What is its
Brier score?**
""",
    right=lambda: calibration.brier(_CONSTANT),
    tolerance=0.002,
    expects="a number in [0, 1]",
    mistakes=(
        Mistake(
            lambda: calibration.brier_parts(_CONSTANT).uncertainty,
            "That is the uncertainty alone, the score of the constant 0.3. This constant is off by "
            "0.1, which costs its square: the reliability.",
        ),
        Mistake(
            lambda: calibration.brier_parts(_CONSTANT).reliability,
            "That is the reliability alone. The labels' own uncertainty is paid as well.",
        ),
        Mistake(
            lambda: saliency.mae(_CONSTANT),
            "That is the mean absolute error. Brier's differences are squared.",
        ),
        Mistake(
            lambda: 0.2 * (1 - 0.2),
            "That is the variance of a label whose probability is 0.2, but 30 % are foreground.",
        ),
        Mistake(
            lambda: calibration.ece(_CONSTANT, of="foreground"),
            "That is the gap, and the ECE. Brier squares it, and adds what the labels' uncertainty "
            "costs.",
        ),
    ),
    hint="Foreground costs (1 - 0.2)^2 a pixel, background 0.2^2; take the mean.",
    why="0.01 of reliability, no resolution (a constant tells nothing apart), 0.21 of uncertainty.",
    solution="""
answer = 0.3 * (1 - 0.2) ** 2 + 0.7 * 0.2**2
""",
)

STRETCH = Exercise(
    name="06/stretch",
    title="what stretching does to a probability",
    question="""
A map's least probability is `low`, its greatest `high`. **Write what becomes of a pixel's
probability `p` when the map is min-max normalised**; it is compared with the library on a grid
(8-bit maps, so to within half a grey level).
""",
    right=_stretched,
    tolerance=0.005,
    expects="a share in [0, 1]",
    mistakes=(
        Mistake(
            lambda p, low, high: p / high,
            "That makes the greatest 1, but leaves the least above 0.",
        ),
        Mistake(
            lambda p, low, high: p - low,
            "That makes the least 0. The greatest must become 1, too.",
        ),
        Mistake(
            lambda p, low, high: low + p * (high - low),
            "That is the way back, from a stretched map to the range of the first.",
        ),
        Mistake(
            lambda p, low, high: (p - low) / high,
            "The greatest would become (high - low) / high. Divide by the whole range.",
        ),
    ),
    hint="Shift so that `low` becomes 0, then scale so that `high` becomes 1.",
    why="0.4 in a map that never exceeds 0.6 can become 0.67: surer, with nothing learnt.",
    solution="""
def answer(p, low, high):
    return (p - low) / (high - low)
""",
    arguments=("p", "low", "high"),
    grid=((0.4, 0.0, 0.6), (0.6, 0.2, 0.8), (0.2, 0.2, 0.8), (0.8, 0.2, 0.8), (0.7, 0.4, 1.0)),
)

EXERCISES = (BRIER, SAMPLE, STRETCH)
