"""Statistics over the seeds of an experiment: paired differences with intervals and tests, and the
rank correlation of scores with the posterior error."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from aslp_lib.metrics.bootstrap import Interval

SIGNIFICANCE = 0.05
"""Significance level of the tests, and one minus the coverage of the intervals."""
RANKED = (
    "ece", "ece_equal_mass", "ece_debiased", "ece_sweep", "smooth_ece", "ks", "mce", "oe", "brier",
    "nll",
)  # fmt: skip
"""Scores whose ranking is compared with that of the posterior error. Lower values are better."""

Verdict = Literal["better", "worse", "resolved", "too small to matter", "not resolved"]
"""Class of a difference, see `verdicts`."""


@dataclass(frozen=True)
class Difference(Interval):
    """A difference that is paired by seed: its mean over seeds, with the 95 % interval of the mean.

    The property `excludes_zero` includes no correction for multiple tests.

    >>> Difference(-0.05, -0.06, -0.04, p_value=0.001, values=(-0.04, -0.06)).excludes_zero
    True

    Args:
        p_value: p-value of the paired t-test of a mean of zero.
        values: difference of each seed.
    """

    p_value: float = math.nan
    values: tuple[float, ...] = ()


def difference(first: pd.DataFrame, second: pd.DataFrame, score: str) -> Difference:
    """Compute a score's difference, first minus second, paired by seed, with Student's interval.

    A seed determines data and initial weights in both, so its common effect cancels. A single seed
    has an infinite interval and the p-value 1.

    >>> first = pd.DataFrame({"seed": range(3), "ece": [0.11, 0.12, 0.13]})
    >>> second = pd.DataFrame({"seed": range(3), "ece": 0.1})
    >>> paired = difference(first, second, "ece")
    >>> [round(x, 3) for x in (paired.value, paired.low, paired.high)]  # 0.02 ± 4.303 * 0.01 / √3
    [0.02, -0.005, 0.045]

    Args:
        first, second: records of one set, one per seed.
        score: name of the score, a column of the records.

    Raises:
        ValueError: the seeds differ, a seed occurs twice, or the score is undefined for a record.
    """
    minuends, subtrahends = (records.set_index("seed")[score] for records in (first, second))
    seeds, others = (sorted(column.index) for column in (minuends, subtrahends))
    if seeds != others or len(set(seeds)) < len(seeds):
        raise ValueError(
            f"the seeds are {seeds} and {others}; expected the same seeds, each once, for a paired "
            "difference. Select one record per seed."
        )
    values = (minuends - subtrahends)[minuends.index].tolist()
    if not np.isfinite(values).all():
        raise ValueError(
            f"{score} is undefined for some of these records; expected numbers. Choose another."
        )
    interval = student_interval(values)
    return Difference(float(np.mean(values)), *interval, student_p_value(values), tuple(values))


def student_interval(
    values: Sequence[float], confidence: float = 1 - SIGNIFICANCE
) -> tuple[float, float]:
    """Compute Student's interval of the mean, of 95 % by default; infinite for a single value.

    >>> [round(end, 3) for end in student_interval([0.01, 0.02, 0.03])]  # 0.02 ± 4.303 * 0.01 / √3
    [-0.005, 0.045]

    Args:
        confidence: coverage of the interval; 1 - 0.05 / m makes m intervals simultaneous.
    """
    if len(values) < 2:
        return -math.inf, math.inf
    low, high = _t_test(values).confidence_interval(confidence)
    return float(low), float(high)


def student_p_value(values: Sequence[float]) -> float:
    """Compute the p-value of Student's two-sided t-test of a mean of zero; 1 for a single value.

    >>> round(student_p_value([0.01, 0.02, 0.03]), 3)  # t = 2 √3 with 2 degrees of freedom
    0.074
    """
    return _p_value(_t_test(values))


def equivalence_p_value(values: Sequence[float], margin: float) -> float:
    """Compute the p-value of the two one-sided t-tests (TOST) of a mean within the margin.

    It is the larger p-value of the tests of a mean of at most `-margin` and of at least `margin`
    (Schuirmann 1987, A comparison of the two one-sided tests procedure and the power approach for
    assessing the equivalence of average bioavailability, Journal of Pharmacokinetics and
    Biopharmaceutics 15, 657-680). It is at most 0.05 if and only if the 90 % interval of the mean
    lies within the margin. It is 1 for a single value.

    >>> round(equivalence_p_value([-0.001, 0.0, 0.001], margin=0.01), 4)  # t = 10 √3
    0.0017

    Args:
        margin: the smallest mean that matters, chosen before the values are known.
    """
    tests = _t_test(values, -margin, "greater"), _t_test(values, margin, "less")
    return max(map(_p_value, tests))


def _t_test(
    values: Sequence[float],
    mean: float = 0,
    alternative: Literal["two-sided", "less", "greater"] = "two-sided",
) -> Any:
    """Return SciPy's t-test of a mean, without warnings about values that are few or all equal."""
    from scipy.stats import ttest_1samp  # loads slowly

    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        return ttest_1samp(values, mean, alternative=alternative)


def _p_value(test: Any) -> float:
    """Return a p-value; 1 for a single value, and if all values equal the mean."""
    return 1.0 if math.isnan(test.pvalue) else float(test.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p-values of a family of tests by Holm's correction, in the given order.

    With the m p-values in ascending order, the i-th adjusted p-value is the largest of
    `min(1, (m - j + 1) p_(j))` over j = 1, ..., i. If every hypothesis with an adjusted p-value of
    at most 0.05 is rejected, the probability of rejecting any true hypothesis is at most 5 %, for
    any dependence between the tests (Holm 1979, A simple sequentially rejective multiple test
    procedure, Scandinavian Journal of Statistics 6(2), 65-70).

    >>> [round(p, 3) for p in holm([0.03, 0.01, 0.04])]
    [0.06, 0.03, 0.06]
    """
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def verdicts(
    family: Sequence[Difference], smallest: float, better: str | None = "less"
) -> list[Verdict]:
    """Classify each difference of a family of tests, such as the cells of a table.

    A difference is resolved if the test with Holm's correction over the family rejects a difference
    of zero, however small the difference is. The first score is then "better" or "worse", by the
    sign of the mean; the verdict is "resolved" if neither less nor more is better. Otherwise the
    difference is "too small to matter" if its 95 % interval lies within `smallest` of zero, and
    "not resolved" if not.

    >>> clear = Difference(-0.05, -0.06, -0.04, p_value=0.001)
    >>> close = Difference(0.001, -0.002, 0.004, p_value=0.4)
    >>> wide = Difference(-0.02, -0.038, -0.002, p_value=0.04)
    >>> verdicts([clear, close, wide], smallest=0.01)
    ['better', 'too small to matter', 'not resolved']

    Args:
        family: all differences that are tested together.
        smallest: the smallest difference that matters, which must be chosen before the differences
            are known; 0.01 nats for the negative log-likelihood.
        better: whether "less" or "more" is better, see `Score.better`.
    """

    def verdict(paired: Difference, adjusted: float) -> Verdict:
        if adjusted <= SIGNIFICANCE:
            if better not in ("less", "more"):
                return "resolved"
            return "better" if (paired.value > 0) == (better == "more") else "worse"
        within = -smallest <= paired.low and paired.high <= smallest
        return "too small to matter" if within else "not resolved"

    return list(map(verdict, family, holm([paired.p_value for paired in family])))


def rank_correlation_with_posterior_error(records: pd.DataFrame, name: str) -> dict[str, float]:
    """Compute Spearman's rank correlation of each score in `RANKED` with the posterior error.

    The correlation is over all methods and recalibrations of a seed, and averaged over seeds. At 1,
    a score ranks them in the same order as the posterior error.

    >>> errors = [0.1, 0.2, 0.3]
    >>> records = pd.DataFrame(dict.fromkeys(("posterior_error", *RANKED), errors))
    >>> records = records.assign(set="test", seed=0)
    >>> round(rank_correlation_with_posterior_error(records, "test")["ece"], 3)
    1.0

    Args:
        records: the records.
        name: name of a set whose true posterior is known.

    Raises:
        ValueError: there are no records of this set, or they have no posterior error.
    """
    of_set = records[records["set"] == name]
    if of_set.empty or of_set.get("posterior_error", pd.Series([math.nan])).isna().any():
        raise ValueError(
            f"the posterior error on {name!r} is not in these records; expected it in each. Choose "
            "a set whose true posterior is known."
        )
    by_seed = of_set.groupby("seed")[[*RANKED, "posterior_error"]]
    ranks = [seed.corr("spearman").posterior_error for _, seed in by_seed]
    return pd.concat(ranks, axis=1).mean(axis=1)[list(RANKED)].to_dict()
