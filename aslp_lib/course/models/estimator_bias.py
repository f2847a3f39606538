"""Experiments on the estimators themselves: their bias, and the coverage of their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aslp_lib.metrics.bootstrap import interval
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import ScoreFunction


def calibrated(counts: Counts) -> Counts:
    """The same predictions, with labels as they promise: expected numbers, one image."""
    pixels = counts.pooled.sum(axis=0)
    p = counts.probabilities
    return Counts(np.stack([pixels * (1 - p), pixels * p])[None])


def bias_study(
    population: Counts,
    estimators: Mapping[str, ScoreFunction],
    sizes: Sequence[int],
    repeats: int = 200,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """What estimators say on samples of pixels drawn independently from a population.

    Args:
        population: its pooled histogram is what is drawn from.
        sizes: pixels in a sample.
        repeats: samples of each size; all estimators see the same ones.

    Returns:
        name -> (sizes, repeats).
    """
    shares = population.pooled.ravel() / population.pooled.sum()
    found = {name: np.empty((len(sizes), repeats)) for name in estimators}
    for i, size in enumerate(sizes):
        for j in range(repeats):
            # A generator each: shares that differ in the last bit may take up another number of
            # random bits, and so change one sample, but not all that follow.
            drawn = np.random.default_rng([seed, i, j]).multinomial(size, shares)
            sample = Counts(drawn.reshape(1, 2, population.grey_levels))
            for name, estimator in estimators.items():
                found[name][i, j] = estimator(sample)
    return found


@dataclass(frozen=True)
class Coverage:
    """Intervals of many data sets, and the truth that they should hold.

    Args:
        truth: the population's score.
        intervals: kind -> (data sets, 2), lower and upper end.
    """

    truth: float
    intervals: dict[str, np.ndarray]

    def covered(self, kind: str) -> np.ndarray:
        """(data sets,) whether the interval holds the truth."""
        low, high = self.intervals[kind].T
        return (low <= self.truth) & (self.truth <= high)


def coverage_study(
    population: Counts,
    score: ScoreFunction,
    images: int = 100,
    datasets: int = 100,
    resamples: int = 300,
    seed: int = 0,
) -> Coverage:
    """95 % intervals by resampling images, and by resampling pixels as if they were independent.

    Args:
        population: many images; each data set is a draw of some, with replacement.
        score: a score of pooled pixels.
    """
    found: dict[str, list] = {"images": [], "pixels": []}
    for number in range(datasets):
        # A generator each, for the same reason.
        rng = np.random.default_rng([seed, number])
        sample = population[rng.integers(0, len(population), images)]
        over = interval(sample, score, resamples=resamples, seed=number)
        found["images"].append((over.low, over.high))
        shares = sample.pooled.ravel() / sample.pixels
        drawn = rng.multinomial(int(sample.pixels), shares, size=resamples)
        scores = [score(Counts(d.reshape(1, 2, sample.grey_levels))) for d in drawn]
        found["pixels"].append(np.quantile(scores, [0.025, 0.975]))
    return Coverage(score(population), {kind: np.array(ends) for kind, ends in found.items()})
