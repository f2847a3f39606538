"""Bootstrap confidence intervals over images.

The pixels of an image are not independent of each other, but the images are. Each resample
therefore draws N of the N images with replacement, and the interval is bounded by quantiles of the
scores of the resamples (percentile interval; Efron & Tibshirani, An Introduction to the Bootstrap,
1993, section 13.3). Its coverage is close to the nominal one with about 100 images or more, and
lower with fewer images. The interval of the ECE is another one, because the ECE is biased: see
`noise_floor.ece_bounds`.

Images that belong to a group (see `Counts`) are drawn together.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np

from aslp_lib.checks import require
from aslp_lib.metrics import calibration
from aslp_lib.metrics.calibration import BINS, Reliability, image_bins
from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import ImageMean, OfBins, Score, ScoreFunction
from aslp_lib.metrics.top_label import Of


@dataclass(frozen=True)
class Interval:
    """A score, or a difference of scores, and its confidence interval.

    >>> from aslp_lib.metrics import SCORES
    >>> Interval(0.1, 0.05, 0.15).text(SCORES["ece"])
    '10.00 [5.00, 15.00]'

    Args:
        value: score of the set itself, not of a resample; NaN if it is undefined.
        low, high: ends of the interval; NaN without one.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def excludes_zero(self) -> bool:
        """True if there is an interval that excludes zero."""
        return self.low > 0 or self.high < 0

    def resolved(self, score: Score) -> bool:
        """Return whether the interval excludes zero as rounded for tables.

        >>> from aslp_lib.metrics import SCORES
        >>> Interval(-0.002, -0.004, -0.00001).resolved(SCORES["ece"])  # [-0.40, 0.00]
        False
        """
        ends = [self.low, self.high]
        return math.isfinite(sum(ends)) and math.prod(float(score.text(end)) for end in ends) > 0

    def text(self, score: Score, sign: Literal["", "+"] = "") -> str:
        """Format the value, and its interval if there is one.

        Args:
            score: the score, which determines unit and digits.
            sign: "+" for a difference, to mark positive values.
        """
        value = score.text(self.value, sign)
        if not math.isfinite(self.low + self.high):
            return value
        return f"{value} {score.interval_text(self.low, self.high, sign)}"


def interval(
    counts: Counts | ClassCounts,
    score: ScoreFunction,
    *,
    resamples: int = 1000,
    confidence_level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Compute a score and its percentile interval.

    Percentile intervals of an ECE near its noise floor do not contain the true error; use
    `Resamples.bounds`.

    >>> from aslp_lib.metrics import calibration
    >>> mask = np.uint8([[1, 0]])
    >>> counts = Counts.from_maps([np.uint8([[255, 0]]), np.uint8([[255, 255]])], [mask, mask])
    >>> interval(counts, calibration.accuracy)  # images with accuracies 1 and 0.5
    Interval(value=0.75, low=0.5, high=1.0)

    Args:
        counts: counts of two or more images.
        score: function of counts, or an `ImageMean`.
        resamples: number of resamples.
        confidence_level: nominal coverage of the interval, in (0, 1).
        seed: seed of the resampling.

    Returns:
        The score and the ends of its interval, which are NaN if it is undefined in every resample.

    Raises:
        ValueError: if there are fewer than two images, or if `resamples` or `confidence_level` is
            out of range.
    """
    scores = Resamples(counts, resamples, seed).scores(score)
    return Interval(score(counts), *middle(scores, confidence_level))


def difference(
    first: Counts | ClassCounts,
    second: Counts | ClassCounts,
    score: ScoreFunction,
    *,
    confidence_level: float = 0.95,
    **options: int,
) -> Interval:
    """Compute `score(first) - score(second)` and its paired percentile interval.

    Both methods are scored on the same resamples, so that effects of an image that are common to
    both cancel.

    >>> from aslp_lib.metrics import calibration
    >>> mask = np.uint8([[1, 0]])
    >>> good = Counts.from_maps([np.uint8([[255, 0]]), np.uint8([[255, 255]])], [mask, mask])
    >>> poor = Counts.from_maps([np.uint8([[0, 0]]), np.uint8([[0, 255]])], [mask, mask])
    >>> difference(good, poor, calibration.accuracy)  # 0.5 in either image
    Interval(value=0.5, low=0.5, high=0.5)

    Args:
        first: counts of one method.
        second: counts of another method on the same images, in the same order.
        score: function of counts, or an `ImageMean`.
        confidence_level: nominal coverage of the interval, in (0, 1).
        options: `resamples` and `seed` of `interval`.

    Raises:
        ValueError: if the second method has other images; see also `interval`.
    """
    if len(first) != len(second) or first.names != second.names:
        raise ValueError(
            f"the two methods were scored on different images ({len(first)} and {len(second)}, or "
            "the same number with different names); expected the same images in the same order. "
            "Predict the same set with both."
        )
    of_first, of_second = (Resamples(each, **options).scores(score) for each in (first, second))
    value = score(first) - score(second)
    return Interval(value, *middle(of_first - of_second, confidence_level))


def reliability_tables(
    methods: Mapping[str, Counts | ClassCounts],
    bins: int = BINS,
    of: Of = "prediction",
    *,
    equal_mass: bool = False,
) -> dict[str, Reliability]:
    """Compute the reliability diagram of each method, with 95 % intervals over images.

    >>> mask = np.uint8([[1, 0]])
    >>> counts = Counts.from_maps([np.uint8([[255, 0]]), np.uint8([[255, 255]])], [mask, mask])
    >>> reliability_tables({"BCE": counts}, bins=1)["BCE"].low  # images with accuracies 1 and 0.5
    array([0.5])

    Args:
        methods: label -> counts. The diagram of a single image has no intervals.
        bins: number of bins.
        of: definition of confidence and outcome, see `top_label`.
        equal_mass: True for bins of equal mass, the same in every resample; False for bins of equal
            width. The interval of an empty bin is NaN.
    """
    compute = calibration.reliability_equal_mass if equal_mass else calibration.reliability
    tables = {}
    for label, counts in methods.items():
        table = compute(counts, bins, of)
        if counts.independent > 1:
            draws = Resamples(counts).draws
            images = image_bins(counts, bins, of, equal_mass=equal_mass)
            with np.errstate(invalid="ignore"):  # a resample may have no pixel in a bin
                accuracy = (draws @ images.positive) / (draws @ images.pixels)
            low, high = np.transpose([middle(column) for column in accuracy.T])
            table = replace(table, low=low, high=high)
        tables[label] = table
    return tables


class Resamples:
    """Resampled sets of images, drawn and pooled once for any number of scores.

    If the images have groups, groups are drawn instead of images.

    >>> from aslp_lib.metrics import calibration
    >>> mask = np.uint8([[1, 0]])
    >>> counts = Counts.from_maps([np.uint8([[255, 0]]), np.uint8([[255, 255]])], [mask, mask])
    >>> np.unique(Resamples(counts).scores(calibration.accuracy))
    array([0.5 , 0.75, 1.  ])

    Args:
        counts: counts of N images.
        resamples: number R of resamples.
        seed: seed of the resampling.

    Raises:
        ValueError: if there are fewer than two images or groups, or no resamples.
    """

    def __init__(self, counts: Counts | ClassCounts, resamples: int = 1000, seed: int = 0) -> None:
        units = counts.independent
        expected = "two or more for an interval. Score more images, or omit the interval."
        require("the number of images or groups of images", units, units >= 2, expected)
        require("resamples", resamples, resamples >= 1, "1 or more")
        self.counts = counts
        draws = _multiplicities(units, resamples, seed)
        self.draws = draws[:, counts.group_index].astype(np.float64)
        """Multiplicity of each image in each resample, shape (R, N)."""

    def bounds(self, score: Score, bins: int = BINS) -> tuple[float, float]:
        """Compute the ends of the 95 % interval of a registered score.

        >>> from aslp_lib.metrics import SCORES
        >>> mask = np.uint8([[1, 0]])
        >>> counts = Counts.from_maps([np.uint8([[255, 0]]), np.uint8([[255, 255]])], [mask, mask])
        >>> Resamples(counts).bounds(SCORES["accuracy"])
        (0.5, 1.0)

        Args:
            score: the score.
            bins: number of bins of calibration scores.
        """
        if score.bounds is not None:
            return score.bounds(image_bins(self.counts, bins, score.of), self.draws)
        return middle(self.scores(score.with_bins(bins)))

    @cached_property
    def pooled(self) -> Sequence[Counts | ClassCounts]:
        """Counts of each resample, pooled into one image."""
        return self.counts.resampled(self.draws)

    def scores(self, score: ScoreFunction) -> np.ndarray:
        """Compute the score of each resample, shape (R,); NaN where it is undefined."""
        if isinstance(score, (ImageMean, OfBins)):
            return score.resampled(self.counts, self.draws)
        return np.array([score(counts) for counts in self.pooled])


@lru_cache(maxsize=1)
def _multiplicities(units: int, resamples: int, seed: int) -> np.ndarray:
    """Draw resamples of units, (resamples, units), once for all intervals and methods of a set."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(units, np.full(units, 1 / units), size=resamples)


def middle(scores: np.ndarray, confidence_level: float = 0.95) -> tuple[float, float]:
    """Compute the quantiles that enclose the central part of the resamples' scores.

    >>> middle(np.arange(5.0), confidence_level=0.5)
    (1.0, 3.0)

    Args:
        scores: scores of the resamples; NaN is ignored.
        confidence_level: share of the scores between the quantiles, in (0, 1).

    Returns:
        Lower and upper quantile; NaN if all scores are NaN.

    Raises:
        ValueError: if `confidence_level` is out of range.
    """
    require("confidence_level", confidence_level, 0 < confidence_level < 1, "a share in (0, 1)")
    if np.isnan(scores).all():
        return math.nan, math.nan
    low, high = np.nanquantile(scores, [(1 - confidence_level) / 2, (1 + confidence_level) / 2])
    return float(low), float(high)
