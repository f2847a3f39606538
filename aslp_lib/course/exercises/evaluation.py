"""Exercises of notebook 06: Brier score, sampling error, intervals, min-max normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from aslp_lib.course.exercises.framework import Array, Exercise, read_only, unchanged
from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.bootstrap import middle
from aslp_lib.metrics.counts import Counts, min_max

NOTEBOOK = "06_evaluating_calibration"


def _mean_ece(pixels: int) -> float:
    """Compute the expected ECE of pixels at confidence 0.8, each correct with that probability.

    The expectation is a sum over the binomial distribution.
    """
    mean = 0.0
    for correct in range(pixels + 1):
        log_choose = math.lgamma(pixels + 1) - math.lgamma(correct + 1)
        log_choose -= math.lgamma(pixels - correct + 1)
        weight = math.exp(log_choose + correct * math.log(0.8) + (pixels - correct) * math.log(0.2))
        mean += weight * calibration.ece(_pixels(204, correct, pixels - correct))
    return mean


def _pixels(grey_level: int, foreground: int, background: int) -> Counts:
    table = np.zeros((1, 2, 256), np.int64)
    table[0, :, grey_level] = background, foreground
    return Counts(table)


_CONSTANT = _pixels(51, foreground=30, background=70)


def _stretched(p: float, low: float, high: float) -> float:
    grey_levels = np.rint(255 * np.array([[low, p, high]])).astype(np.uint8)
    return min_max(grey_levels)[0, 1] / 255


def _set(images: int, resamples: int = 80) -> tuple[Array, ...]:
    """Make correct pixels and pixels of images, and how often each resample draws each image."""
    rng = np.random.default_rng(images)
    pixels = rng.integers(50, 1000, images)
    correct = rng.binomial(pixels, rng.uniform(0.4, 1, images))
    times = rng.multinomial(images, np.full(images, 1 / images), size=resamples)
    return read_only(*(array.astype(np.float64) for array in (correct, pixels, times)))


def _interval(right: Array, pixels: Array, times: Array) -> Array:
    """Return value, lower and upper end; each resample is made image by image."""
    table = np.zeros((len(pixels), 2, 256), np.int64)
    table[:, 0, 255], table[:, 1, 255] = pixels - right, right
    counts, index = Counts(table), np.arange(len(pixels))
    scores = [calibration.accuracy(counts[np.repeat(index, row.astype(int))]) for row in times]
    return np.array([calibration.accuracy(counts), *middle(np.array(scores))])


def _accuracies(right: Array, pixels: Array, times: Array) -> Array:
    """Compute the pooled accuracy of each resample."""
    accuracy: Array = (times @ right) / (times @ pixels)
    return accuracy


def _image_mean_interval(right: Array, pixels: Array, times: Array) -> Array:
    mean = _accuracies(right / pixels, np.ones(len(pixels)), times)
    return np.array([(right / pixels).mean(), *np.quantile(mean, [0.025, 0.975])])


def _with_ends(ends: Callable[[Array, Array, Array], Iterable[float]]) -> Callable[..., Array]:
    """Make an answer with the right value and other ends."""

    def answer(right: Array, pixels: Array, times: Array) -> Array:
        return np.array([right.sum() / pixels.sum(), *ends(right, pixels, times)])

    return answer


def _mean_of_resamples(right: Array, pixels: Array, times: Array) -> Array:
    accuracies = _accuracies(right, pixels, times)
    return np.array([accuracies.mean(), *np.quantile(accuracies, [0.025, 0.975])])


def _normal_ends(right: Array, pixels: Array, deviation: float) -> tuple[float, float]:
    value = right.sum() / pixels.sum()
    return value - 1.96 * deviation, value + 1.96 * deviation


def _pixel_interval(right: Array, pixels: Array, times: Array) -> tuple[float, float]:
    incorrect = (pixels - right).sum()
    return _normal_ends(right, pixels, math.sqrt(right.sum() * incorrect / pixels.sum() ** 3))


_CASE = _set(12)


def _is_point(answer: Callable[..., Array]) -> bool:
    """Return whether the interval of identical images is a point."""
    interval = answer(np.full(12, 30.0), np.full(12, 40.0), _CASE[2])
    return bool(np.ptp(interval) < 1e-9)


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
    mistakes={
        "That falls as one over the number of pixels. The mean distance of a share from its "
        "expectation falls as one over its square root.": lambda: _mean_ece(25) / 16,
        "The network's true error is 0, but a sample's ECE is an absolute value: chance makes it "
        "positive and can never make it negative.": 0.0,
        "That is its mean on 25 pixels. More pixels are right more nearly as often as they should "
        "be.": lambda: _mean_ece(25),
        "That would be four times the pixels: the error falls as one over the square "
        "root.": lambda: _mean_ece(25) / 2,
    },
    hint="Sixteen times the pixels: by what factor does one over the square root fall?",
    why="It falls as one over the root of the sample: a quarter for sixteen times the pixels.",
    solution="answer = 0.063 / 16**0.5",
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
    mistakes={
        "That is the uncertainty alone, the score of the constant 0.3. This constant is off by "
        "0.1, which costs its square: the "
        "reliability.": calibration.brier_parts(_CONSTANT).uncertainty,
        "That is the reliability alone. The labels' own uncertainty is paid as "
        "well.": calibration.brier_parts(_CONSTANT).reliability,
        "That is the mean absolute error. Brier's differences are squared.": saliency.mae(
            _CONSTANT
        ),
        "That is the variance of a label whose probability is 0.2, but 30 % are foreground.": (
            0.2 * (1 - 0.2)
        ),
        "That is the gap, and the ECE. Brier squares it, and adds what the labels' uncertainty "
        "costs.": calibration.ece(_CONSTANT, of="foreground"),
    },
    hint="Foreground costs (1 - 0.2)^2 a pixel, background 0.2^2; take the mean.",
    why="0.01 of reliability, no resolution (a constant tells nothing apart), 0.21 of uncertainty.",
    solution="answer = 0.3 * (1 - 0.2) ** 2 + 0.7 * 0.2**2",
)

BOOTSTRAP = Exercise(
    name="06/bootstrap",
    title="an interval over images",
    question="""
Of each image of a set you know how many of its pixels are `right` and how many `pixels` it has.
`times` has a row for each of many resampled sets: how often each image is in it. **Write the set's
own pooled accuracy and the ends of its 95 % interval over images**, the quantiles 2.5 % and 97.5 %
of the resampled sets' pooled accuracies: return three numbers, `[value, low, high]`. They are
compared with the library's on arrays that you do not see.
""",
    grid=(_set(5), _CASE, _set(30)),
    right=_interval,
    tolerance=1e-4,
    expects="a function that returns three shares in [0, 1]: value, low, high",
    mistakes={
        "Those are means of the images' accuracies. Pooled means that each pixel counts once: add "
        "up right pixels and pixels over the resampled images, then divide.": _image_mean_interval,
        "The ends are right. The value is the set's own, not the mean of the resampled "
        "sets.": _mean_of_resamples,
        "An image that is drawn three times counts three times. Drawn once or not at all would be "
        "smaller sets, of another spread.": _with_ends(
            lambda right, pixels, times: np.quantile(
                _accuracies(right, pixels, np.minimum(times, 1)), [0.025, 0.975]
            )
        ),
        "That leaves out 5 % at each end: a 90 % interval.": _with_ends(
            lambda *drawn: np.quantile(_accuracies(*drawn), [0.05, 0.95])
        ),
        "Those are the least and the greatest: the interval of all resamples, which grows with "
        "their number.": _with_ends(lambda *drawn: np.quantile(_accuracies(*drawn), [0, 1])),
        "That takes the resamples for a bell around the value, 1.96 deviations each way. Asked are "
        "their quantiles, which may lie unevenly.": _with_ends(
            lambda right, pixels, times: _normal_ends(
                right, pixels, _accuracies(right, pixels, times).std()
            )
        ),
        "That is the interval of as many pixels drawn one by one. They come an image at a "
        "time.": _with_ends(_pixel_interval),
    },
    properties={
        "Here the value lies between the ends, and yours does not: return value, low, "
        "high.": lambda answer: bool(answer(*_CASE)[1] <= answer(*_CASE)[0] <= answer(*_CASE)[2]),
        "Of images that are all the same every resample has the set's own accuracy: value and ends "
        "must be equal.": _is_point,
        "With the images (and the columns of times) in another order it says something else. Is "
        "every resampled set made from times, and none drawn anew?": unchanged(
            _CASE, lambda right, pixels, times: (right[::-1], pixels[::-1], times[:, ::-1])
        ),
    },
    hint="A row of times, multiplied with right and summed, is the resampled set's number of right "
    "pixels; likewise its number of pixels.",
    why="As times is (resamples, images), times @ right has the right pixels of every resample at "
    "once. The library does the same with whole histograms.",
    solution="""
import numpy as np


def answer(right, pixels, times):
    drawn = (times @ right) / (times @ pixels)
    return [right.sum() / pixels.sum(), *np.quantile(drawn, [0.025, 0.975])]
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
    mistakes={
        "That makes the greatest 1, but leaves the least above 0.": lambda p, low, high: p / high,
        "That makes the least 0. The greatest must become 1, too.": lambda p, low, high: p - low,
        "That is the way back, from a stretched map to the range of the "
        "first.": lambda p, low, high: low + p * (high - low),
        "The greatest would become (high - low) / high. Divide by the whole "
        "range.": lambda p, low, high: (p - low) / high,
    },
    hint="Shift so that `low` becomes 0, then scale so that `high` becomes 1.",
    why="0.4 in a map that never exceeds 0.6 can become 0.67: surer, with nothing learnt.",
    solution="""
def answer(p, low, high):
    return (p - low) / (high - low)
""",
    grid=((0.4, 0.0, 0.6), (0.6, 0.2, 0.8), (0.2, 0.2, 0.8), (0.8, 0.2, 0.8), (0.7, 0.4, 1.0)),
)

EXERCISES = (BRIER, SAMPLE, BOOTSTRAP, STRETCH)
