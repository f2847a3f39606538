"""Exercises: overconfidence error, and underconfidence."""

from collections.abc import Callable

import numpy as np
import torch

from aslp_lib.course.exercises import Array, Exercise, read_only, unchanged
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.float_levels import GREY_LEVELS


def _arrays(pixels: int) -> tuple[Array, ...]:
    """Make probabilities, none on the edge of a bin, and labels of an overconfident network."""
    rng, top = np.random.default_rng(pixels), GREY_LEVELS - 1
    grey_level = np.rint(top * rng.beta(0.5, 0.8, pixels)).clip(1, top - 1)
    grey_level += grey_level % (top // 5) == 0  # not 0.2, 0.4 and so on
    p = grey_level / top
    return read_only(p, rng.random(pixels) < 0.2 + 0.5 * p)


def counts_of(p: Array, y: Array) -> Counts:
    """Count pixels with probabilities p and labels y, as one image."""
    return Counts.from_probabilities(torch.tensor(p)[None], torch.tensor(y)[None])


def _sum_over_bins(term: Callable[[Array, Array, Array], Array]) -> Callable[[Array, Array], float]:
    """Make a function of p and y: the sum of a term in the bins' shares, confidences and gaps."""

    def total(p: Array, y: Array) -> float:
        table = calibration.reliability(counts_of(p, y))
        return float(np.nansum(term(table.share, table.confidence, table.gap)))

    return total


_PIXELS = _arrays(60)

OE = Exercise(
    name="confidence/oe",
    title="OE of arrays",
    question="""
Two arrays of equal length hold the probabilities `p` = P(y=1) of some pixels and their labels `y`,
0 or 1. **Write a function that returns their OE** with ten bins of equal width over [0, 1]. It is
compared with the library on arrays that you do not see. Bins may be empty, and no confidence lies
on the edge of a bin.
""",
    grid=(_arrays(8), _PIXELS, _arrays(1000)),
    right=lambda p, y: calibration.oe(counts_of(p, y)),
    tolerance=1e-4,
    expects="a share in [0, 1] (an empty bin has no mean: leave it out)",
    mistakes={
        "That is ECE. OE omits underconfident bins and multiplies the gap of each other bin by its "
        "confidence.": lambda p, y: calibration.ece(counts_of(p, y)),
        "Multiply the gap of each overconfident bin by the bin's mean confidence as "
        "well.": _sum_over_bins(lambda w, c, gap: w * np.maximum(gap, 0)),
        "The factor is the bin's mean confidence, not its accuracy.": _sum_over_bins(
            lambda w, c, gap: w * (c - gap) * np.maximum(gap, 0)
        ),
        "The sign is wrong: a bin is overconfident if its confidence exceeds its "
        "accuracy.": _sum_over_bins(lambda w, c, gap: w * c * np.maximum(-gap, 0)),
        "Underconfident bins count as 0. They do not cancel overconfident bins.": _sum_over_bins(
            lambda w, c, gap: w * c * gap
        ),
        "Weight each bin by its share of the pixels.": _sum_over_bins(
            lambda w, c, gap: c * np.maximum(gap, 0)
        ),
    },
    properties={
        "The result changes with the order of the pixels. Keep each label with its "
        "probability.": unchanged(_PIXELS, lambda p, y: (p[::-1], y[::-1])),
        "Exchanging the classes (1 - p and 1 - y) changes the result. A background pixel with "
        "P(y=1) = 0.1 has confidence 0.9.": unchanged(_PIXELS, lambda p, y: (1 - p, 1 - y)),
        "The result changes if every pixel occurs twice. Weights are shares of the "
        "pixels.": unchanged(_PIXELS, lambda p, y: (np.tile(p, 2), np.tile(y, 2))),
    },
    hint="Change the last line of the loop that computes ECE: a bin adds its share times its mean "
    "confidence times max(confidence - accuracy, 0).",
    why="Only confidence beyond accuracy counts, and it counts more the more confident the bin is.",
    solution="""
import numpy as np


def answer(p, y):
    highest, hit = np.maximum(p, 1 - p), (p >= 0.5) == y
    number, total = np.ceil(10 * highest), 0.0
    for i in np.unique(number):
        members = number == i
        belief, rate = highest[members].mean(), hit[members].mean()
        total += members.mean() * belief * max(belief - rate, 0)
    return total
""",
)

TEXTURE = Exercise(
    name="confidence/texture",
    title="an underconfident network",
    question="""
An image shows a texture without an object, and a network predicts P(y=1) = 0.2 for each of its
pixels. **What is the ECE?** Give a share in [0, 1].
""",
    right=lambda: calibration.ece(counts_of(np.full(100, 0.2), np.zeros(100))),
    tolerance=0.004,
    mistakes={
        "That is OE. Nothing is overconfident here, but ECE counts underconfidence too.": 0.0,
        "That is the confidence. ECE is its distance from the accuracy.": 1 - 0.2,
        "That is the gap with its sign. ECE takes the absolute value.": 0.8 - 1,
        "That is the accuracy: every pixel is predicted background and is background.": 1.0,
    },
    hint="All pixels are in one bin. What are its confidence and its accuracy?",
    why="All pixels are predicted as background with confidence 0.8, and all are right. The gap is "
    "underconfidence, and OE is 0.",
    solution="""
belief, rate = 1 - 0.2, 1.0
answer = abs(rate - belief)
""",
)

EXERCISES = (OE, TEXTURE)
