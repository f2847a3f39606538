"""Exercises: intervals over images, and the Brier score."""

import math
from functools import partial

import numpy as np

from aslp_lib.course.exercises import Array, exercise, read_only, unchanged
from aslp_lib.metrics import calibration
from aslp_lib.metrics.bootstrap import middle
from aslp_lib.metrics.counts import Counts


def _set(images: int, resamples: int = 80) -> tuple[Array, ...]:
    """Make correct pixels and pixels of images, and how often each resample draws each image."""
    rng = np.random.default_rng(images)
    pixels = rng.integers(50, 1000, images)
    correct = rng.binomial(pixels, rng.uniform(0.4, 1, images))
    times = rng.multinomial(images, np.full(images, 1 / images), size=resamples)
    return read_only(correct, pixels, times)


def _interval(right: Array, pixels: Array, times: Array) -> Array:
    """Return value, lower and upper end; each resample is made image by image."""
    table = np.zeros((len(pixels), 2, 256), np.int64)
    table[:, 0, 255], table[:, 1, 255] = pixels - right, right
    counts, index = Counts(table), np.arange(len(pixels))
    scores = [calibration.accuracy(counts[np.repeat(index, row.astype(int))]) for row in times]
    return np.array([calibration.accuracy(counts), *middle(np.array(scores))])


def _resampled(right: Array, pixels: Array, times: Array) -> Array:
    """Compute the pooled accuracy of each resample."""
    return (times @ right) / (times @ pixels)


def _with_quantiles(
    right: Array, pixels: Array, times: Array, ends: tuple[float, float] = (0.025, 0.975)
) -> Array:
    accuracies = _resampled(right, pixels, times)
    return np.array([right.sum() / pixels.sum(), *np.quantile(accuracies, ends)])


def _mean_of_resamples(right: Array, pixels: Array, times: Array) -> Array:
    ends = _with_quantiles(right, pixels, times)[1:]
    return np.array([_resampled(right, pixels, times).mean(), *ends])


def _binomial(right: Array, pixels: Array, times: Array) -> Array:
    """Return the interval of as many independent pixels."""
    accuracy = right.sum() / pixels.sum()
    half = 1.96 * math.sqrt(accuracy * (1 - accuracy) / pixels.sum())
    return accuracy + half * np.array([0, -1, 1])


_CASE = _set(12)

BOOTSTRAP = exercise(
    "evaluation/bootstrap",
    grid=(_set(5), _CASE, _set(30)),
    right=_interval,
    tolerance=1e-4,
    expects="three shares in [0, 1]: value, low, high",
    mistakes={
        "Those are means over images. Divide the sum of correct pixels by the sum of pixels of "
        "each resample.": lambda r, n, times: _with_quantiles(r / n, np.ones(len(n)), times),
        "The ends are right. The value is the accuracy of the set itself, not the mean over the "
        "resamples.": _mean_of_resamples,
        "An image that is drawn three times counts three times. You counted each image once at "
        "most.": lambda r, n, times: _with_quantiles(r, n, np.minimum(times, 1)),
        "That leaves out 5 % of the resamples at each end, which makes a 90 % interval. Leave out "
        "2.5 %.": partial(_with_quantiles, ends=(0.05, 0.95)),
        "Those are the minimum and the maximum of all resamples, which depend on the number of "
        "resamples.": partial(_with_quantiles, ends=(0, 1)),
        "That is the interval for independent pixels. Here whole images are drawn.": _binomial,
    },
    properties={
        "The value of this set lies between the two ends, but yours does not: return value, low, "
        "high.": lambda answer: bool((np.diff(answer(*_CASE)[[1, 0, 2]]) >= 0).all()),
        "The result changes with the order of the images. Use times for each resample, and draw "
        "nothing anew.": unchanged(_CASE, lambda r, n, times: (r[::-1], n[::-1], times[:, ::-1])),
    },
)

BRIER = exercise(
    "evaluation/brier",
    right=lambda: calibration.brier(
        Counts.from_map(np.full((1, 10), 51, np.uint8), np.arange(10)[None] < 3)
    ),
    tolerance=0.002,
    mistakes={
        "That is the uncertainty, the score of the constant 0.3. Add the reliability, the squared "
        "difference from 0.2.": 0.3 * 0.7,
        "That is the reliability. Add the uncertainty of the labels.": (0.3 - 0.2) ** 2,
        "That is the mean absolute error. Square the differences.": 0.3 * 0.8 + 0.7 * 0.2,
        "That is the variance of a label with probability 0.2, but 30 % are foreground.": 0.2 * 0.8,
        "That is the gap, and the ECE. Square it, and add the labels' uncertainty.": 0.3 - 0.2,
    },
)

EXERCISES = (BOOTSTRAP, BRIER)
