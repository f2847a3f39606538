"""Exercises of notebook e4: units, a schedule, bins of equal mass, and masks with grey pixels."""

from __future__ import annotations

import numpy as np
import torch

from aslp_lib.aslp.perturbation import SOFT_INVERSION, perturb
from aslp_lib.course.exercises.confidence import counts_of
from aslp_lib.course.exercises.framework import Array, Exercise, Point, read_only
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import FLOAT_GREY_LEVELS
from aslp_lib.training.optimization import DECAY, DECAY_EPOCHS, schedule

NOTEBOOK = "e4_reading_the_release"

_EPOCHS = 60
_TRAINED = tuple((epoch,) for epoch in (1, 10, 11, 12, 20, 21, 30, 45, _EPOCHS))


def _pixels(surest: float, first: int, seed: int) -> tuple[Array, ...]:
    """Make the confidences of forty pixels in random order, and whether they are correct.

    The confidences are distinct and can be represented by a map of `FLOAT_GREY_LEVELS`. Sorted by
    confidence, the pixels from `first` on are correct less often than they should be.
    """
    rng = np.random.default_rng(seed)
    top = FLOAT_GREY_LEVELS - 1
    confidences = np.rint(top * np.linspace(0.52, surest, 40)) / top
    correct = (np.arange(40) % 4 > 0) | (np.arange(40) < first)
    order = rng.permutation(40)
    return read_only(confidences[order], correct[order])


_SETS: tuple[Point, ...] = (
    (*_pixels(0.99, 8, seed=0), 4),
    (*_pixels(0.9, 20, seed=1), 5),
    (*_pixels(0.95, 4, seed=2), 8),
)


def _differences(confidence: Array, right: Array) -> Array:
    """Return each pixel's confidence minus its outcome, sorted by confidence."""
    return (confidence - right)[np.argsort(confidence)]


def _bin_gaps(differences: Array, bins: int) -> Array:
    """Return each bin's mean confidence minus its accuracy, with the pixels in this order."""
    return differences.reshape(bins, -1).mean(axis=1)


def _overlapping(confidence: Array, right: Array, bins: int) -> float:
    """Compute ECE over bins that span two quantiles each, except the first."""
    differences, size = _differences(confidence, right), len(confidence) // bins
    parts = [differences[max(k - 1, 0) * size : (k + 1) * size] for k in range(bins)]
    return sum(abs(part.sum()) for part in parts) / sum(len(part) for part in parts)


_MASK = np.repeat([255, 0, 190, 60], [400, 500, 50, 50])
"""Stored values of a thousand pixels, a tenth of them grey."""
_PREDICTED = np.repeat([1, 0, 0, 1, 1, 0, 1, 0], [360, 40, 460, 40, 40, 10, 10, 40])
"""Predicted class of each pixel."""


UNITS = Exercise(
    name="e4/units",
    title="a number for the command line",
    question="""
You want soft inversion from the *released code*: targets of 0.75 on background and 0.25 on
foreground. Its default, `--beta 2.0`, is 4 in the figure's units. **Which number do you pass as
`--beta`?**
""",
    right=lambda: perturb(torch.zeros(1), SOFT_INVERSION).item(),
    tolerance=0.01,
    expects="a number from 0 to 4, such as 2.0",
    mistakes={
        "That is the figure's beta. It would make targets of 1.5 and -0.5 in the code.": 1.5,
        "You doubled instead of halving: the code's number is half the figure's.": 1.5 * 2,
        "That is the target of foreground. The code's beta is the target of *background*.": 0.25,
        "You halved twice: 2.0 in the code is 4 in the figure.": 1.5 / 4,
    },
    hint="Soft inversion has beta = 1.5 in the figure's units. What is that in the code's?",
    why="The code's beta is half the figure's, and so it is what a background pixel is told: 0.75.",
    solution="answer = 1.5 / 2",
)

RATE = Exercise(
    name="e4/rate",
    title="the rate that is really used",
    question="""
After every epoch, counted from 1, the released code multiplies the learning rate *that it has* by
`0.95 ** (epoch // 10)`. **Write the share of the first rate with which epoch number `epoch` is
trained.** It is compared with the library's schedule `release`.
""",
    grid=_TRAINED,
    right=lambda epoch: schedule("release", epoch - 1, _EPOCHS),
    tolerance=1e-4,
    mistakes={
        "That is the documented schedule. The code multiplies the rate again after *every* epoch "
        "from the tenth on.": lambda epoch: schedule("step", epoch - 1, _EPOCHS),
        "That is one epoch off: the rate changes *after* an epoch, so epoch 10 still has the first "
        "rate.": lambda epoch: schedule("release", epoch, _EPOCHS),
        "That is a factor of 0.95 after every epoch. It is 1 before the tenth epoch, and 0.95 "
        "twice from the twentieth on.": lambda epoch: DECAY ** (epoch - 1),
        "That is a factor of 0.95 after every epoch from the tenth on. From the twentieth on the "
        "power is 2, from the thirtieth 3.": lambda epoch: DECAY ** max(epoch - DECAY_EPOCHS, 0),
        "That is the factor of one epoch. Multiply it by the factors of all the epochs before this "
        "one.": lambda epoch: DECAY ** (epoch // DECAY_EPOCHS),
    },
    hint="Multiply the factors of all epochs before this one: a loop over range(1, epoch).",
    why="The exponents add up: 0.95 to the power of the sum of e // 10 over all epochs e before.",
    solution="""
def answer(epoch):
    share = 1.0
    for before in range(1, epoch):
        share *= 0.95 ** (before // 10)
    return share
""",
)

MASS = Exercise(
    name="e4/mass",
    title="every pixel once",
    question="""
Of N pixels you have the confidence and whether the prediction was right (1 or 0), in two arrays in
no order. **Write ECE over `bins` bins of equal mass: each holds N / bins pixels, and no pixel lies
in two.** N is a multiple of `bins`, and no two confidences are equal. It is compared with the
library's on three sets that you do not see.
""",
    grid=_SETS,
    # All pixels are predicted foreground, with label 1 where they are correct.
    right=lambda c, r, bins: calibration.ece_equal_mass(counts_of(c, r), bins),
    mistakes={
        "Your bins hold the pixels in the order of the arrays. Sort the pixels by their confidence "
        "first.": lambda c, r, bins: abs(_bin_gaps(c - r, bins)).mean(),
        "Your bins span two quantiles, so that pixels count twice, as in the released code. The "
        "sizes of the bins must add up to N.": _overlapping,
        "Those are bins of equal width. Bins of equal mass hold equally many pixels, whatever "
        "their confidence.": lambda c, r, bins: calibration.ece(counts_of(c, r), bins),
        "The gaps of the bins cancel in your sum. Take the absolute value of each of them before "
        "you add.": lambda c, r, bins: abs(_bin_gaps(_differences(c, r), bins).mean()),
        "That is the largest gap, the MCE. The ECE is the mean over the bins, which here have "
        "equal weights.": lambda c, r, bins: abs(_bin_gaps(_differences(c, r), bins)).max(),
        "That treats each pixel as a bin. Average confidence and outcome over a bin before you "
        "subtract.": lambda c, r, bins: abs(c - r).mean(),
    },
    hint="Sort both arrays by confidence, cut them into bins of N / bins pixels, and average the "
    "absolute gaps of the bins.",
    why="Every pixel lies in one bin and all bins weigh alike: ECE is the mean of their absolute "
    "gaps.",
    solution="""
import numpy as np


def answer(confidence, right, bins):
    by_confidence = np.argsort(confidence)
    gap_of_pixels = (confidence - right)[by_confidence].reshape(bins, -1)
    return abs(gap_of_pixels.mean(axis=1)).mean()
""",
)

GREY = Exercise(
    name="e4/grey",
    title="a tenth of grey",
    question="""
A mask has 1,000 pixels, 100 of them grey, as resizing leaves them. Cut at 128, the network is right
on 900 pixels, 80 of the grey ones among them. **Which accuracy does code report that compares
predictions of 0 and 255 with the mask as it is stored?** Give a share in [0, 1].
""",
    right=lambda: (255 * _PREDICTED == _MASK).mean(),
    tolerance=0.002,
    mistakes={
        "That is the accuracy with the mask cut at 128. No grey value is 0 or 255.": 900 / 1000,
        "You left out the grey pixels. They count as incorrect.": (900 - 80) / 900,
        "You subtracted all grey pixels, but 20 were incorrect already.": (900 - 100) / 1000,
        "You subtracted the 20 incorrect grey pixels. The 80 others change.": (900 - 20) / 1000,
    },
    hint="No grey pixel equals 0 or 255, so all count as incorrect. How many correct ones remain?",
    why="Of the 900 right ones the 80 grey ones count as wrong: 820 of 1,000 are left.",
    solution="answer = (900 - 80) / 1000",
)

EXERCISES = (UNITS, RATE, MASS, GREY)
