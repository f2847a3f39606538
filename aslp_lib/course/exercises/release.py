"""Exercises of notebook 09: units, a schedule, bins of equal mass, and masks with grey pixels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from aslp_lib.aslp.perturbation import RELEASE, SOFT_INVERSION, perturb
from aslp_lib.course.exercises.framework import Array, Exercise, read_only
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import FLOAT_GREY_LEVELS, Counts
from aslp_lib.training.optimization import DECAY, DECAY_EPOCHS, schedule

NOTEBOOK = "09_reading_the_release"

DEFAULT_BETA = 2.0
"""Value of `RELEASE.beta` in the units of the released code."""

_EPOCHS = 60
_TRAINED = tuple((epoch,) for epoch in (1, 10, 11, 12, 20, 21, 30, 45, _EPOCHS))


def _pixels(surest: float, first: int, seed: int) -> tuple[Array, Array]:
    """Make the confidences of forty pixels in random order, and whether they are correct.

    The confidences are distinct and can be represented by a map of `FLOAT_GREY_LEVELS`. Sorted by
    confidence, the pixels from `first` on are correct less often than they should be.
    """
    rng = np.random.default_rng(seed)
    top = FLOAT_GREY_LEVELS - 1
    confidences = np.rint(top * np.linspace(0.52, surest, 40)) / top
    correct = (np.arange(40) % 4 > 0) | (np.arange(40) < first)
    order = rng.permutation(40)
    confidence, outcome = read_only(confidences[order], correct[order].astype(np.float64))
    return confidence, outcome


_SETS = (
    (*_pixels(0.99, 8, seed=0), 4),
    (*_pixels(0.9, 20, seed=1), 5),
    (*_pixels(0.95, 4, seed=2), 8),
)


def _equal_mass(confidence: Array, right: Array, bins: float) -> float:
    return calibration.ece_equal_mass(_counts(confidence, right), int(bins))


def _equal_width(confidence: Array, right: Array, bins: float) -> float:
    return calibration.ece(_counts(confidence, right), int(bins))


def _counts(confidence: Array, right: Array) -> Counts:
    """Count pixels that are all predicted foreground, with label 1 where they are correct."""
    return Counts.from_probabilities(
        torch.tensor(confidence)[None], torch.tensor(right)[None], FLOAT_GREY_LEVELS
    )


def _bin_gaps(confidence: Array, right: Array, bins: float, order: NDArray[np.int64]) -> Array:
    """Return each bin's mean confidence minus its accuracy, with the pixels in this order."""
    return (confidence - right)[order].reshape(int(bins), -1).mean(axis=1)


def _sorted_gaps(confidence: Array, right: Array, bins: float) -> Array:
    return _bin_gaps(confidence, right, bins, np.argsort(confidence))


def _unsorted(confidence: Array, right: Array, bins: float) -> float:
    return float(np.abs(_bin_gaps(confidence, right, bins, np.arange(len(right)))).mean())


def _overlapping(confidence: Array, right: Array, bins: float) -> float:
    """Compute ECE over bins that span two quantiles each, except the first."""
    order, size = np.argsort(confidence), len(confidence) // int(bins)
    gaps = (confidence - right)[order]
    parts = [gaps[max(k - 1, 0) * size : (k + 1) * size] for k in range(int(bins))]
    return sum(abs(part.sum()) for part in parts) / sum(len(part) for part in parts)


_MASK = np.repeat([255, 0, 190, 60], [400, 500, 50, 50])
"""Stored values of a thousand pixels, a tenth of them grey."""
_PREDICTED = np.repeat([1, 0, 0, 1, 1, 0, 1, 0], [360, 40, 460, 40, 40, 10, 10, 40])
"""Predicted class of each pixel."""
_GREY = (_MASK > 0) & (_MASK < 255)
_HITS = (_MASK >= 128) == _PREDICTED


def _accuracy_on_stored_mask() -> float:
    return float((255 * _PREDICTED == _MASK).mean())


UNITS = Exercise(
    name="09/units",
    title="a number for the command line",
    question="""
You want soft inversion from the *released code*: targets of 0.75 on background and 0.25 on
foreground. Its default, `--beta 2.0`, is 4 in the figure's units. **Which number do you pass as
`--beta`?**
""",
    right=lambda: SOFT_INVERSION.beta * DEFAULT_BETA / RELEASE.beta,
    tolerance=0.01,
    expects="a number from 0 to 4, such as 2.0",
    mistakes={
        "That is the figure's beta. The released code would make targets of 1.5 and -0.5 of "
        "it.": SOFT_INVERSION.beta,
        "You went the wrong way: the code's number is half the figure's, not "
        "twice.": SOFT_INVERSION.beta * RELEASE.beta / DEFAULT_BETA,
        "That is the target of foreground. In the code's units beta is the target of "
        "*background*.": perturb(torch.ones(1), SOFT_INVERSION).item(),
        "Halved twice: 2.0 there is 4 here, so the factor is a half.": (
            SOFT_INVERSION.beta / RELEASE.beta
        ),
    },
    hint="Soft inversion is 1.5 in the figure's units. How many of the code's are that?",
    why="The code's beta is half the figure's, and so it is what a background pixel is told: 0.75.",
    solution="answer = 1.5 / 2",
)

RATE = Exercise(
    name="09/rate",
    title="the rate that is really used",
    question="""
After every epoch, counted from 1, the released code multiplies the learning rate *that it has* by
`0.95 ** (epoch // 10)`. **Write the share of the first rate with which epoch number `epoch` is
trained.** It is compared with the library's schedule `release`.
""",
    grid=_TRAINED,
    right=lambda epoch: schedule("release", epoch - 1, _EPOCHS),
    tolerance=1e-4,
    expects="a function that returns a share in [0, 1]",
    mistakes={
        "That is what is documented: a factor of 0.95 every ten epochs. The code multiplies again "
        "after *every* epoch, from the tenth "
        "on.": lambda epoch: schedule("step", epoch - 1, _EPOCHS),
        "One epoch too far: the rate is changed *after* an epoch, so epoch 10 is still trained "
        "with the first rate.": lambda epoch: schedule("release", epoch, _EPOCHS),
        "That is a factor of 0.95 after every epoch. It is 1 before the tenth, and 0.95 twice from "
        "the twentieth on.": lambda epoch: DECAY ** (epoch - 1),
        "That takes 0.95 after every epoch from the tenth on. From the twentieth on the power is "
        "2, from the thirtieth 3.": lambda epoch: DECAY ** max(epoch - DECAY_EPOCHS, 0),
        "That is the factor of one epoch, not what all factors so far have left.": lambda epoch: (
            DECAY ** (epoch // DECAY_EPOCHS)
        ),
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
    name="09/mass",
    title="every pixel once",
    question="""
Of N pixels you have the confidence and whether the prediction was right (1 or 0), in two arrays in
no order. **Write ECE over `bins` bins of equal mass: each holds N / bins pixels, and no pixel lies
in two.** N is a multiple of `bins`, and no two confidences are equal. It is compared with the
library's on three sets that you do not see.
""",
    grid=_SETS,
    right=_equal_mass,
    tolerance=1e-3,
    expects="a function that returns a share in [0, 1]",
    mistakes={
        "Your bins hold pixels in the order in which they came. Sort them by confidence "
        "first.": _unsorted,
        "Your bins reach over two quantiles, so that pixels count twice: the released code's "
        "fault. Do the sizes of your bins add up to N?": _overlapping,
        "Those are bins of equal width. Of equal mass, each holds as many pixels as the "
        "next.": _equal_width,
        "The bins' gaps cancel in your sum. Take each one's absolute value "
        "first.": lambda *pixels: abs(float(_sorted_gaps(*pixels).mean())),
        "That is the largest gap, MCE. ECE is the mean over bins, which weigh alike "
        "here.": lambda *pixels: float(np.abs(_sorted_gaps(*pixels)).max()),
        "That takes each pixel for a bin of its own. Average confidence and outcome over a bin "
        "before you take the "
        "difference.": lambda confidence, right, bins: float(np.abs(confidence - right).mean()),
    },
    hint="Sort both arrays by confidence, cut them into bins of N / bins pixels, and average the "
    "bins' absolute gaps.",
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
    name="09/grey",
    title="a tenth of grey",
    question="""
A mask has 1,000 pixels, 100 of them grey, as resizing leaves them. Cut at 128, the network is right
on 900 pixels, 80 of the grey ones among them. **Which accuracy does code report that compares
predictions of 0 and 255 with the mask as it is stored?** Give a share in [0, 1].
""",
    right=_accuracy_on_stored_mask,
    tolerance=0.002,
    expects="a share in [0, 1], such as 0.9",
    mistakes={
        "That is the accuracy with the mask cut at 128. Is a grey level ever equal to 0 or "
        "255?": float(_HITS.mean()),
        "You left the grey pixels out. They stay in the number that is divided by, and each counts "
        "as wrong.": float(_HITS[~_GREY].mean()),
        "You took all 100 grey pixels off, but 20 of them were wrong already.": float(
            _HITS.mean() - _GREY.mean()
        ),
        "You took off the grey pixels that the network gets wrong: they are wrong in both counts. "
        "It is the 80 others that change sides.": float(_HITS.mean() - (_GREY & ~_HITS).mean()),
    },
    hint="No grey pixel equals 0 or 255, so all count as wrong. How many right ones remain?",
    why="Of the 900 right ones the 80 grey ones count as wrong: 820 of 1,000 are left.",
    solution="answer = (900 - 80) / 1000",
)

EXERCISES = (UNITS, RATE, MASS, GREY)
