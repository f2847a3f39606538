"""What a study's records say over seeds: differences with intervals, and which scores rank as the
truth does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aslp_lib.evaluation.records import ESTIMATORS, Record

RANKED = ("ece", *ESTIMATORS, "oe", "brier", "nll")
"""Scores that are compared with the truth; the lower, the better."""


class Difference(NamedTuple):
    """A mean over seeds of a paired difference, and its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def settled(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def difference(first: Sequence[Record], second: Sequence[Record], score: str) -> Difference:
    """`score` of the first minus that of the second, paired by seed, with Student's interval.

    A seed draws data and weights for both alike, so what it does to both cancels. The interval is
    of the mean over seeds; infinite of a single one.

    Args:
        first, second: records of one set, a record a seed.
        score: a key of a record.

    Raises:
        ValueError: the seeds are not the same, or one occurs twice.
    """
    one, other = ({record["seed"]: record[score] for record in own} for own in (first, second))
    if one.keys() != other.keys() or (len(one), len(other)) != (len(first), len(second)):
        raise ValueError(
            f"a paired difference needs the same seeds, each once, not {sorted(one)} and "
            f"{sorted(other)}"
        )
    values = np.array([one[seed] - other[seed] for seed in one], dtype=np.float64)
    mean = float(values.mean())
    if len(values) < 2:
        return Difference(mean, -math.inf, math.inf)
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return Difference(mean, mean - half, mean + half)


def agreement_with_truth(found: Sequence[Record], name: str) -> dict[str, float]:
    """Spearman's rank correlation, of each score in RANKED, with the distance to the true posterior
    over all ways to train and recalibrate; the mean over seeds. 1: the score ranks them as the
    truth does.

    Args:
        name: a set whose posterior is known.

    Raises:
        ValueError: it is not known of this set, or nothing is there to rank.
    """
    by_seed: dict[int, list[Record]] = {}
    for record in found:
        if record["set"] == name:
            by_seed.setdefault(record["seed"], []).append(record)
    if not by_seed or any("truth" not in each for own in by_seed.values() for each in own):
        raise ValueError(f"the true posterior of {name!r} is not in these records")
    from scipy.stats import spearmanr

    def rank(score: str) -> float:
        columns = (
            ([each[score] for each in own], [each["truth"] for each in own])
            for own in by_seed.values()
        )
        return float(np.mean([spearmanr(*pair).statistic for pair in columns]))

    return {score: rank(score) for score in RANKED}
