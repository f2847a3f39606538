"""What a score of a set is: read from pooled pixels, or a mean over images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aslp_lib.metrics.counts import Counts

Score = Callable[[Counts], float]
"""A function of the pooled pixels (every one in `calibration`), or an `ImageMean`."""


@dataclass(frozen=True)
class ImageMean:
    """A score that averages over images: a value of each, or a curve of each, then one number.

    Args:
        values: counts -> (images,) or (images, points); NaN where an image has no such value.
        reduce: the mean curve (points,) -> the score; None where `values` are no curves.
        meaning: what the score is, in words.
    """

    values: Callable[[Counts], np.ndarray]
    reduce: Callable[[np.ndarray], np.ndarray] | None
    meaning: str

    def __call__(self, counts: Counts) -> float:
        """The set's score; NaN if no image has a value."""
        return self.of_means(self.mean(counts))

    def mean(self, counts: Counts) -> np.ndarray:
        """The mean value or curve over the images that have one."""
        values = self.values(counts)
        defined = values[~np.isnan(values.reshape(len(values), -1)[:, 0])]
        return defined.mean(axis=0) if len(defined) else np.full(values.shape[1:], np.nan)

    def of_means(self, mean: np.ndarray) -> float:
        return float(mean if self.reduce is None else self.reduce(mean))


def per_image(counts: Counts, score: Score) -> np.ndarray:
    """(images,) the score of each image alone; NaN where it has none."""
    if isinstance(score, ImageMean) and score.reduce is None:
        return score.values(counts)
    return np.array([score(counts[i : i + 1]) for i in range(len(counts))])
