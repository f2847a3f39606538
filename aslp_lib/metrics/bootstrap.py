"""Confidence intervals over images: pixels of one image are not independent, images are.

A resample draws as many images as there are, with replacement; the interval is that of the middle
share of its scores (Efron's percentile interval).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aslp_lib.metrics.calibration import BINS, Of, reliability
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import ImageMean, Score


@dataclass(frozen=True)
class Interval:
    """A score of the set itself, and the interval that resampled images leave it."""

    value: float
    low: float
    high: float

    @property
    def defined(self) -> bool:
        """Whether the set has this score at all (F has none where no image has foreground)."""
        return not math.isnan(self.value)


def interval(
    counts: Counts,
    score: Score,
    *,
    resamples: int = 1000,
    confidence_level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a score.

    Args:
        resamples: how many sets to draw.
        confidence_level: the interval's nominal coverage.

    Raises:
        ValueError: fewer than two images, or a confidence level or number of resamples
            out of range.
    """
    draws = _draws(len(counts), resamples, confidence_level, seed)
    return _percentile(score(counts), _scores(counts, score, draws), confidence_level)


def difference(
    first: Counts,
    second: Counts,
    score: Score,
    *,
    resamples: int = 1000,
    confidence_level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The same for `score(first) - score(second)`, two methods on the same images, paired.

    Both are scored on the same resampled images, so what an image does to both cancels.
    """
    if len(first) != len(second) or first.names != second.names:
        raise ValueError(
            f"the methods have {len(first)} and {len(second)} images, or not the same ones: pairs "
            "need the same images in the same order"
        )
    draws = _draws(len(first), resamples, confidence_level, seed)
    spread = _scores(first, score, draws) - _scores(second, score, draws)
    return _percentile(score(first) - score(second), spread, confidence_level)


def reliability_interval(
    counts: Counts,
    bins: int = BINS,
    of: Of = "prediction",
    *,
    resamples: int = 1000,
    confidence_level: float = 0.95,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end, (bins,) each, of the accuracy of each bin of equal width; NaN where the
    bin is empty."""
    draws = _draws(len(counts), resamples, confidence_level, seed)
    accuracy = np.array([reliability(c, bins, of).accuracy for c in _resampled(counts, draws)])
    filled = ~np.isnan(reliability(counts, bins, of).accuracy)
    ends = np.full((2, bins), np.nan)
    ends[:, filled] = np.nanquantile(
        accuracy[:, filled], [(1 - confidence_level) / 2, (1 + confidence_level) / 2], axis=0
    )
    return ends[0], ends[1]


def _draws(images: int, resamples: int, confidence_level: float, seed: int) -> np.ndarray:
    """(resamples, images): how often each image is in each resample."""
    if images < 2:
        raise ValueError(f"an interval over images needs two or more, not {images}")
    if resamples < 1 or not 0 < confidence_level < 1:
        raise ValueError(
            f"resamples is {resamples} and confidence_level {confidence_level}: 1 or more, and a "
            "share in (0, 1), needed"
        )
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples)


def _scores(counts: Counts, score: Score, draws: np.ndarray) -> np.ndarray:
    """Scores of the resampled sets, (resamples,)."""
    weights = draws.astype(np.float64)
    if isinstance(score, ImageMean):
        values = score.values(counts).reshape(len(counts), -1)
        defined = ~np.isnan(values[:, 0])
        # A resample may hold no image that has a value: it has no score either.
        with np.errstate(invalid="ignore"):
            means = weights[:, defined] @ values[defined] / (weights @ defined[:, None])
        return np.array([score.of_means(mean if score.reduce else mean[0]) for mean in means])
    return np.array([score(resampled) for resampled in _resampled(counts, draws)])


def _resampled(counts: Counts, draws: np.ndarray) -> Iterator[Counts]:
    """The pooled counts of each resampled set: one matrix product, exact in float64, since counts
    stay whole and under 2^53."""
    flat = counts.table.reshape(len(counts), -1).astype(np.float64)
    pooled = (draws.astype(np.float64) @ flat).astype(counts.table.dtype)
    for table in pooled.reshape(len(draws), 1, *counts.table.shape[1:]):
        yield Counts(table)


def _percentile(value: float, scores: np.ndarray, confidence_level: float) -> Interval:
    if math.isnan(value):
        return Interval(value, math.nan, math.nan)
    low, high = np.nanquantile(scores, [(1 - confidence_level) / 2, (1 + confidence_level) / 2])
    return Interval(value, float(low), float(high))
