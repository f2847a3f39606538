"""Exercises of notebook 01: confidence, calibration error, and averages over pixels."""

from __future__ import annotations

import numpy as np
import torch

from aslp_lib.course.exercises.framework import Array, Exercise, read_only, unchanged
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import FLOAT_GREY_LEVELS, Counts

NOTEBOOK = "01_confidence_and_calibration"

_FOUR_PIXELS = np.array([0.9, 0.8, 0.3, 0.1])


def _bins(*rows: tuple[float, int, int]) -> Counts:
    """Make the counts of one image from rows (confidence, pixels, correct pixels)."""
    table = np.zeros((1, 2, FLOAT_GREY_LEVELS), np.int64)
    for confidence, pixels, correct in rows:
        grey_level = round(confidence * (FLOAT_GREY_LEVELS - 1))
        table[0, :, grey_level] += pixels - correct, correct
    return Counts(table)


_THREE_BINS = _bins((0.65, 100, 60), (0.85, 300, 270), (0.95, 600, 480))
_TWO_IMAGES = Counts.join([_bins((0.9, 100, 90)), _bins((0.9, 900, 540))])


def _arrays(pixels: int) -> tuple[Array, ...]:
    """Make probabilities, none on the edge of a bin, and labels of an overconfident network."""
    rng, top = np.random.default_rng(pixels), FLOAT_GREY_LEVELS - 1
    grey_level = np.rint(top * rng.beta(0.5, 0.8, pixels)).clip(1, top - 1)
    grey_level += grey_level % (top // 5) == 0  # not 0.2, 0.4 and so on
    p = grey_level / top
    return read_only(p, rng.random(pixels) < 0.2 + 0.5 * p)


def counts_of(p: Array, y: Array) -> Counts:
    """Count pixels with probabilities p and labels y, as one image."""
    return Counts.from_probabilities(torch.tensor(p)[None], torch.tensor(y)[None])


def _unweighted_ece(p: Array, y: Array) -> float:
    table = calibration.reliability(counts_of(p, y))
    return float(np.abs(table.gap).sum() / np.count_nonzero(table.pixels))


def _ece_of_foreground_confidence(p: Array, y: Array) -> float:
    """Compute ECE with P(y=1) as confidence, but the correctness of the prediction as outcome."""
    bin_index, gap = np.floor(10 * p), p - ((p >= 0.5) == y)
    return float(sum(abs(gap[bin_index == k].sum()) for k in range(10)) / len(p))


def _mean_pixel_gap(p: Array, y: Array) -> float:
    return float(np.abs(np.maximum(p, 1 - p) - ((p >= 0.5) == y)).mean())


_PIXELS = _arrays(60)


PIXELS = Exercise(
    name="01/pixels",
    title="four pixels",
    question="""
A network says P(y=1) = 0.9, 0.8, 0.3 and 0.1 of four pixels. **What is its mean confidence?**
Give a share in [0, 1].
""",
    right=lambda: calibration.confidence(counts_of(_FOUR_PIXELS, np.ones(4))),
    tolerance=0.004,
    mistakes={
        "That is the mean of P(y=1). A pixel with P(y=1) = 0.1 is predicted background with "
        "confidence 0.9: take max(p, 1 - p).": _FOUR_PIXELS.mean(),
        "That is the mean of P(y=0). Take max(p, 1 - p) of each pixel.": 1 - _FOUR_PIXELS.mean(),
        "That is the mean of min(p, 1 - p), the class not predicted.": (0.1 + 0.2 + 0.3 + 0.1) / 4,
        "That leaves out the two pixels that are predicted background.": (0.9 + 0.8) / 2,
    },
    hint="Each pixel's confidence is max(p, 1 - p); then take the mean of the four.",
    why="The last two pixels are predicted background with confidence 0.7 and 0.9.",
    solution="""
import numpy as np

four = np.array([0.9, 0.8, 0.3, 0.1])
answer = np.maximum(four, 1 - four).mean()
""",
)

ECE = Exercise(
    name="01/ece",
    title="ECE by hand",
    question="""
A set's pixels fall into three bins:

| pixels | mean confidence | accuracy |
|---|---|---|
| 100 | 0.65 | 0.60 |
| 300 | 0.85 | 0.90 |
| 600 | 0.95 | 0.80 |

**What is its ECE?** Give a share in [0, 1].
""",
    right=lambda: calibration.ece(_THREE_BINS),
    mistakes={
        "That is the unweighted mean over bins; weight them by pixels.": (0.05 + 0.05 + 0.15) / 3,
        "That is mean confidence minus accuracy, in which the underconfident bin cancels part of "
        "the others. ECE takes each bin's absolute gap.": calibration.gap(_THREE_BINS),
        "That is accuracy minus mean confidence, a sum with signs. ECE takes each bin's absolute "
        "gap.": -calibration.gap(_THREE_BINS),
        "That is the largest gap, MCE. ECE is the mean over pixels.": calibration.mce(_THREE_BINS),
        "That is OE: only the overconfident bins, weighted by their confidence. ECE counts the "
        "underconfident bin too.": calibration.oe(_THREE_BINS),
    },
    hint="Multiply each bin's |accuracy - confidence| by its share of the 1000 pixels, and add.",
    why="It is 0.1 * 0.05 + 0.3 * 0.05 + 0.6 * 0.15: gaps without their signs, weighted by pixels.",
    solution="""
import numpy as np

pixels = np.array([100, 300, 600])
confidence, accuracy = np.array([0.65, 0.85, 0.95]), np.array([0.60, 0.90, 0.80])
answer = np.sum(pixels / pixels.sum() * np.abs(accuracy - confidence))
""",
)

ARRAYS = Exercise(
    name="01/arrays",
    title="ECE of arrays",
    question="""
Of some pixels you have two arrays of equal length: `p`, the probabilities P(y=1) that a network
says, and `y`, the labels, 0 or 1. **Write their ECE**: of the predicted class, with ten bins of
equal width over [0, 1]. It is compared with the library's on arrays that you do not see. Bins may
be empty; no confidence lies on the edge of a bin.
""",
    grid=(_arrays(8), _PIXELS, _arrays(1000)),
    right=lambda p, y: calibration.ece(counts_of(p, y)),
    tolerance=1e-4,
    expects="a share in [0, 1] (an empty bin has no mean: leave it out)",
    mistakes={
        "That compares P(y=1) with the share of foreground. Compare max(p, 1 - p) with the "
        "accuracy instead.": lambda p, y: calibration.ece(counts_of(p, y), of="foreground"),
        "The outcome is that of the predicted class, but the confidence is still P(y=1): take "
        "max(p, 1 - p).": _ece_of_foreground_confidence,
        "That is the gap of all pixels together: overconfidence and underconfidence cancel. Take "
        "the absolute value of each bin first.": lambda p, y: abs(calibration.gap(counts_of(p, y))),
        "That is the unweighted mean over bins. Weight each bin by its share of the "
        "pixels.": _unweighted_ece,
        "That is the mean gap of single pixels. Average confidence and outcome over a bin before "
        "you compare them.": _mean_pixel_gap,
        "That is the largest gap. The ECE is the mean of the gaps of the bins, weighted by their "
        "pixels.": lambda p, y: calibration.mce(counts_of(p, y)),
        "That is OE, which omits underconfident bins and weights the others by "
        "confidence.": lambda p, y: calibration.oe(counts_of(p, y)),
    },
    properties={
        "The result changes with the order of the pixels. Keep each label with its "
        "probability.": unchanged(_PIXELS, lambda p, y: (p[::-1], y[::-1])),
        "Exchanging the classes (1 - p and 1 - y) changes the result. A background pixel with "
        "P(y=1) = 0.1 has confidence 0.9.": unchanged(_PIXELS, lambda p, y: (1 - p, 1 - y)),
        "The result changes if every pixel occurs twice. Weights are shares of the "
        "pixels.": unchanged(_PIXELS, lambda p, y: (np.tile(p, 2), np.tile(y, 2))),
    },
    hint="Confidence is max(p, 1 - p), outcome (p >= 1/2) == y, and bin floor(10 * confidence). "
    "Weight the bins' absolute gaps by their shares of the pixels.",
    why="A bin's share times the gap of its means is the gap of its sums, over the number of all "
    "pixels: so no bin's mean is needed, and empty ones do no harm.",
    solution="""
import numpy as np


def answer(p, y):
    belief, hit = np.maximum(p, 1 - p), (p >= 0.5) == y
    which = np.floor(10 * belief)
    sums = [belief[which == k].sum() - hit[which == k].sum() for k in range(5, 10)]
    return np.abs(sums).sum() / len(p)
""",
)

OE = Exercise(
    name="01/oe",
    title="one bin's over-confidence error",
    question="""
All pixels of a set fall into one bin. **Write its OE as a function of the bin's mean confidence and
accuracy**; it is compared with the library on a grid.
""",
    grid=tuple((c, a / 10) for c in (0.55, 0.75, 0.95) for a in (4, 5, 7, 9, 10)),
    right=lambda c, a: calibration.oe(_bins((c, 1000, round(1000 * a)))),
    tolerance=2e-3,
    mistakes={
        "That is ECE. OE omits underconfidence and weights each bin by its "
        "confidence.": lambda c, a: calibration.ece(_bins((c, 1000, round(1000 * a)))),
        "OE also weights each bin by its confidence.": lambda c, a: max(c - a, 0.0),
        "The sign is wrong: a bin is overconfident if its confidence exceeds its "
        "accuracy.": lambda c, a: c * max(a - c, 0.0),
        "Where confidence is below accuracy, OE is 0, not negative.": lambda c, a: c * (c - a),
        "Where confidence is below accuracy, OE is 0.": lambda c, a: c * abs(c - a),
        "The weight is the bin's confidence, not its accuracy.": lambda c, a: a * max(c - a, 0.0),
    },
    hint="OE = sum of w * conf * max(conf - acc, 0) over bins; here is one bin with w = 1.",
    why="Only confidence beyond accuracy counts, and it weighs more the surer the bin is.",
    solution="""
def answer(confidence, accuracy):
    return confidence * max(confidence - accuracy, 0)
""",
)

POOLED = Exercise(
    name="01/pooled",
    title="a small image and a large one",
    question="""
Of a small image's 100 pixels 90 are right, of a large one's 900 pixels 540. **What is the set's
pooled accuracy?** Give a share in [0, 1].
""",
    right=lambda: calibration.accuracy(_TWO_IMAGES),
    tolerance=0.004,
    mistakes={
        "That is the mean over images. In a pooled mean each pixel counts once.": (0.9 + 0.6) / 2,
        "That is the accuracy of the first image alone.": 0.9,
        "That is the accuracy of the large image alone.": 0.6,
        "That is the share of incorrect pixels.": 1 - calibration.accuracy(_TWO_IMAGES),
    },
    hint="Divide all correct pixels of both images by all pixels of both.",
    why="630 of 1000 pixels are right; the mean over images would be 0.75.",
    solution="answer = (90 + 540) / (100 + 900)",
)

TEXTURE = Exercise(
    name="01/texture",
    title="a modest network and an empty image",
    question="""
A texture shows no object, and a network says P(y=1) = 0.2 of each of its pixels. **What is its
ECE?** Give a share in [0, 1].
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
    why="Background is predicted with confidence 0.8 and is always right: the gap is all modesty, "
    "so OE is 0.",
    solution="""
confidence, accuracy = 1 - 0.2, 1.0
answer = abs(accuracy - confidence)
""",
)

EXERCISES = (PIXELS, ECE, ARRAYS, OE, POOLED, TEXTURE)
