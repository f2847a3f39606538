"""What a study's records say over seeds: differences with intervals and tests, and which scores
rank the ways to train as the posterior error does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from aslp_lib.experiments.records import ESTIMATORS, Record

LEVEL = 0.05
"""Significance level of the tests: one minus the coverage of the intervals."""
RANKED = ("ece", *ESTIMATORS, "oe", "brier", "nll")
"""Scores whose ranking is compared with that of the posterior error; the lower, the better."""

Verdict = Literal["smaller", "larger", "equivalent", "not resolved"]


class Difference(NamedTuple):
    """A paired difference: its mean over seeds and its 95 % interval, the p-value of the paired
    t-test of a mean of zero, and the number of seeds."""

    mean: float
    low: float
    high: float
    p_value: float
    seeds: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the 95 % interval excludes zero, without a correction for other differences."""
        return self.low > 0 or self.high < 0


def difference(first: Sequence[Record], second: Sequence[Record], score: str) -> Difference:
    """`score` of the first minus that of the second, paired by seed, with Student's interval.

    A seed draws data and weights for both alike, so what it does to both cancels. A single seed has
    an infinite interval and the p-value 1.

    Args:
        first, second: records of one set, a record a seed.
        score: a key of a record.

    Raises:
        ValueError: the seeds are not the same, or one occurs twice; the score is undefined for one.
    """
    one, other = ({record["seed"]: record[score] for record in own} for own in (first, second))
    if one.keys() != other.keys() or (len(one), len(other)) != (len(first), len(second)):
        raise ValueError(
            f"a paired difference needs the same seeds, each once, not {sorted(one)} and "
            f"{sorted(other)}"
        )
    if None in (*one.values(), *other.values()):
        raise ValueError(f"{score} is undefined for some of these records; choose another score")
    values = np.array([one[seed] - other[seed] for seed in one], dtype=np.float64)
    mean, seeds = float(values.mean()), len(values)
    if seeds < 2:
        return Difference(mean, -math.inf, math.inf, 1.0, seeds)
    from scipy.stats import t

    error = float(values.std(ddof=1)) / math.sqrt(seeds)
    half = float(t.ppf(1 - LEVEL / 2, seeds - 1)) * error
    # The same difference at every seed has an interval of no width.
    statistic = abs(mean) / error if error else math.inf if mean else 0.0
    p_value = float(2 * t.sf(statistic, seeds - 1))
    return Difference(mean, mean - half, mean + half, p_value, seeds)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values of a family of tests, in the order given.

    With the m p-values in rising order, the adjusted i-th is the largest of
    `min(1, (m - j + 1) p_(j))` over j = 1, ..., i. Rejecting every hypothesis whose adjusted
    p-value is at most 0.05 rejects any true one with a probability of at most 5 %, however the
    tests depend on each other (Holm 1979, A simple sequentially rejective multiple test procedure,
    Scandinavian Journal of Statistics 6(2), 65-70).

    >>> [round(each, 3) for each in holm([0.03, 0.01, 0.04])]
    [0.06, 0.03, 0.06]
    """
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def verdicts(family: Sequence[Difference], smallest: float) -> list[Verdict]:
    """What each difference of a family, as the cells of one table, amounts to.

    "smaller" or "larger", by the sign of the mean, where the test with Holm's correction over the
    family rejects a difference of zero, however small the difference is; else "equivalent" where
    the 95 % interval lies within `smallest` of zero; else "not resolved".

    >>> clear = Difference(-0.05, -0.06, -0.04, p_value=0.001, seeds=5)
    >>> close = Difference(0.001, -0.002, 0.004, p_value=0.4, seeds=5)
    >>> wide = Difference(-0.02, -0.038, -0.002, p_value=0.04, seeds=5)
    >>> verdicts([clear, close, wide], smallest=0.01)
    ['smaller', 'equivalent', 'not resolved']

    Args:
        family: all differences that are tested together.
        smallest: the smallest difference that matters, named before the differences are seen; 0.01
            nats for the negative log-likelihood.
    """

    def verdict(found: Difference, adjusted: float) -> Verdict:
        if adjusted <= LEVEL:
            return "smaller" if found.mean < 0 else "larger"
        within = -smallest <= found.low and found.high <= smallest
        return "equivalent" if within else "not resolved"

    return list(map(verdict, family, holm([found.p_value for found in family])))


def rank_correlation_with_posterior_error(found: Sequence[Record], name: str) -> dict[str, float]:
    """Spearman's rank correlation of each score in RANKED with the posterior error, over all ways
    to train and recalibrate; the mean over seeds. At 1 the score ranks them as the error does.

    Args:
        name: a set whose true posterior is known.

    Raises:
        ValueError: the records of this set have no posterior error, or there are none.
    """
    by_seed: dict[int, list[Record]] = {}
    for record in found:
        if record["set"] == name:
            by_seed.setdefault(record["seed"], []).append(record)
    if not by_seed or any("posterior_error" not in r for own in by_seed.values() for r in own):
        raise ValueError(f"the posterior error on {name!r} is not in these records")
    from scipy.stats import spearmanr

    def rank(score: str) -> float:
        columns = (
            ([each[score] for each in own], [each["posterior_error"] for each in own])
            for own in by_seed.values()
        )
        return float(np.mean([spearmanr(*pair).statistic for pair in columns]))

    return {score: rank(score) for score in RANKED}
