"""Confidence intervals over images: pixels of one image are not independent, images are.

A resample draws as many images as there are, with replacement; the interval is that of the middle
share of its scores (Efron's percentile interval).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aslp_lib.metrics.counts import Counts

Score = Callable[[Counts], float]


@dataclass(frozen=True)
class Interval:
    """A score of the set itself, and the interval that resampled images leave it."""

    value: float
    low: float
    high: float


def interval(
    counts: Counts, score: Score, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Percentile interval of a score that reads pooled pixels (every one in `calibration`).

    Args:
        resamples: how many sets to draw.
        level: the interval's nominal coverage.

    Raises:
        ValueError: fewer than two images, or a level or number of resamples out of range.
    """
    draws = _draws(len(counts), resamples, level, seed)
    return _percentile(score(counts), _scores(counts, score, draws), level)


def difference(
    first: Counts,
    second: Counts,
    score: Score,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The same for `score(first) - score(second)`, two methods on the same images, paired.

    Both are scored on the same resampled images, so what an image does to both cancels.
    """
    if len(first) != len(second):
        raise ValueError(
            f"the methods have {len(first)} and {len(second)} images: pairs need the same images"
        )
    draws = _draws(len(first), resamples, level, seed)
    spread = _scores(first, score, draws) - _scores(second, score, draws)
    return _percentile(score(first) - score(second), spread, level)


def _draws(images: int, resamples: int, level: float, seed: int) -> np.ndarray:
    """(resamples, images): how often each image is in each resample."""
    if images < 2:
        raise ValueError(f"an interval over images needs two or more, not {images}")
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(
            f"resamples is {resamples} and level {level}: 1 or more, and a share in (0, 1), needed"
        )
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples)


def _scores(counts: Counts, score: Score, draws: np.ndarray) -> np.ndarray:
    """Scores of the resampled sets. Their pooled tables are one matrix product, exact in float64:
    counts stay whole numbers under 2^53."""
    flat = counts.table.reshape(len(counts), -1).astype(np.float64)
    pooled = (draws.astype(np.float64) @ flat).astype(np.int64)
    tables = pooled.reshape(len(draws), 1, *counts.table.shape[1:])
    return np.array([score(Counts(table)) for table in tables])


def _percentile(value: float, scores: np.ndarray, level: float) -> Interval:
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
