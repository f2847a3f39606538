"""Differences, verdicts and ranks over seeds, against Student's formulas, scipy's paired test, the
closed testing procedure, and ranks counted by hand."""

import itertools
import math
from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtr, stdtrit
from scipy.stats import ttest_rel

from aslp_lib.experiments.seed_statistics import (
    RANKED,
    Difference,
    difference,
    equivalence_p_value,
    holm,
    rank_correlation_with_posterior_error,
    student_interval,
    student_p_value,
    verdicts,
)


def records(scores, seeds=None):
    """Records with a score of each seed."""
    return pd.DataFrame({"seed": seeds or [*range(len(scores))], "set": "test", "ece": scores})


def paired(first, second):
    return difference(records(first), records(second), "ece")


@pytest.mark.parametrize("mean", [-3, 0, 0.5, 1, 3])
def test_a_difference_is_that_of_a_paired_t_test_by_scipy_and_by_student_s_formulas(mean):
    rng = np.random.default_rng(0)
    a, b = rng.normal(mean, size=5), rng.normal(size=5)
    found, test = difference(records(a), records(b)[::-1], "ece"), ttest_rel(a, b)
    *ends, values = astuple(found)
    assert ends == pytest.approx([(a - b).mean(), *test.confidence_interval(0.95), test.pvalue])
    assert values == pytest.approx(a - b) and found.excludes_zero == (found.p_value < 0.05)
    center, error = (a - b).mean(), (a - b).std(ddof=1) / math.sqrt(5)
    for coverage in (0.5, 0.99375):
        half = stdtrit(4, (1 + coverage) / 2) * error
        assert student_interval(a - b, coverage) == pytest.approx((center - half, center + half))
    assert student_p_value(a - b) == pytest.approx(2 * stdtr(4, -abs(center) / error))
    nearest = (2 - abs(center)) / error  # two one-sided tests, of which this one decides
    assert equivalence_p_value(a - b, 2) == pytest.approx(stdtr(4, -nearest))


def test_what_has_no_spread():
    """A single seed tells nothing; the same difference at each seed is beyond doubt."""
    alone = paired([1.0], [0.0])
    assert alone == Difference(1.0, -math.inf, math.inf, 1.0, (1.0,)) and not alone.excludes_zero
    assert paired([1.5, 2.5], [1, 2]) == Difference(0.5, 0.5, 0.5, 0.0, (0.5, 0.5))
    assert paired([1, 2], [1, 2]) == Difference(0, 0, 0, 1.0, (0, 0))
    assert student_p_value([-0.5, -0.5]) == 0 and equivalence_p_value([0.0], 0.1) == 1
    assert equivalence_p_value([0.5, 0.5], 0.75) == 0 and equivalence_p_value([1, 1], 0.75) == 1


@pytest.mark.parametrize("seeds", [[0, 1, 2], [0, 2], [0, 0]])
def test_what_cannot_be_compared(seeds):
    with pytest.raises(ValueError, match="expected the same seeds, each once"):
        difference(records([0.1, 0.1]), records([0.1] * len(seeds), seeds), "ece")
    with pytest.raises(ValueError, match="ece is undefined for some of these records"):
        paired([0.1, None], [0.1, 0.2])
    with pytest.raises(ValueError, match="posterior error on 'test' is not in these records"):
        rank_correlation_with_posterior_error(records([0.1]), "test")


def test_holm_s_correction_is_closed_testing_with_bonferroni():
    """A hypothesis is rejected if every set of hypotheses that holds it is, by Bonferroni."""
    rng = np.random.default_rng(0)
    for count in range(7):
        for _ in range(20):
            p = rng.choice([rng.random(), *rng.random(count) ** 3], count)  # ties, too
            closed = [
                max(
                    min(1, len(chosen) * min(p[j] for j in chosen))
                    for size in range(1, count + 1)
                    for chosen in itertools.combinations(range(count), size)
                    if i in chosen
                )
                for i in range(count)
            ]
            assert holm(list(p)) == pytest.approx(closed)


def test_a_verdict_takes_the_whole_family_into_account():
    def found(mean, half, p):
        return Difference(mean, mean - half, mean + half, p)

    alone = found(-0.05, 0.04, 0.02)
    assert verdicts([alone], 0.01) == ["better"]
    others = [found(0, 0.01, 0.9), found(0.001, 0.01, 0.8), found(0.05, 0.01, 0.001)]
    assert verdicts([alone, *others], 0.01) == [
        "not resolved",  # 3 x 0.02 is above 0.05
        "too small to matter",  # [-0.01, 0.01]
        "not resolved",  # [-0.009, 0.011]
        "worse",
    ]
    small = [found(0.003, 0.001, 0.001)]  # but not zero
    assert verdicts(small, 0.01) == ["worse"] and verdicts(small, 0.01, "more") == ["better"]
    assert verdicts(small, 0.01, "zero") == ["resolved"]
    assert verdicts([paired([1.0], [0.0])], 0.01) == ["not resolved"]  # a single seed
    assert verdicts([], 0.01) == []


def test_rank_correlation_counts_pairs_in_the_same_order():
    """For four methods without ties, Spearman's coefficient is 1 - 6 sum d^2 / (4 * 15)."""
    for order in itertools.permutations(range(4)):
        frame = pd.DataFrame({"set": "test", "seed": 0, "posterior_error": range(4)}, range(4))
        frame = frame.assign(**dict.fromkeys(RANKED, order))
        d2 = sum((rank - i) ** 2 for i, rank in enumerate(order))
        found = rank_correlation_with_posterior_error(frame, "test")
        assert found == pytest.approx(dict.fromkeys(RANKED, 1 - 6 * d2 / 60))
