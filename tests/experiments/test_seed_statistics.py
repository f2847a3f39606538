"""Differences, verdicts and ranks over seeds, against scipy's paired test, the closed testing
procedure, and ranks counted by hand."""

import itertools
import math
from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp, ttest_rel

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


def record(seed, method="bce", **scores):
    return {"method": method, "seed": seed, "set": "test", **scores}


def frame(rows):
    return pd.DataFrame([*rows])


def paired(first, second):
    """The difference of two lists of scores, a score a seed."""
    return difference(
        *(frame(record(i, ece=x) for i, x in enumerate(xs)) for xs in (first, second)), "ece"
    )


def test_a_difference_is_that_of_a_paired_t_test():
    rng = np.random.default_rng(0)
    for mean in (0, 1, 3):
        a, b = rng.normal(mean, size=5), rng.normal(size=5)
        found = difference(
            frame(record(i, ece=each) for i, each in enumerate(a)),
            frame(record(i, ece=each) for i, each in reversed([*enumerate(b)])),
            "ece",
        )
        test = ttest_rel(a, b)
        low, high = test.confidence_interval(0.95)
        *ends, values = astuple(found)
        assert ends == pytest.approx([(a - b).mean(), low, high, test.pvalue])
        assert values == pytest.approx(a - b) and len(found.values) == 5
        assert found.excludes_zero == (low > 0 or high < 0) == (found.p_value < 0.05)
    # By hand: 1, 2 and 3 have mean 2 and deviation 1; t of 2 degrees at 97.5 % is 4.3027.
    by_hand = paired([1, 2, 3], [0, 0, 0])
    half = pytest.approx(4.3027 / 3**0.5, abs=1e-4)
    assert (by_hand.value, 2 - by_hand.low, by_hand.high - 2) == (2, half, half)
    assert not by_hand.excludes_zero


def test_what_has_no_spread():
    """A single seed tells nothing; the same difference at each seed is beyond doubt."""
    alone = paired([1.0], [0.0])
    assert alone == Difference(1.0, -math.inf, math.inf, 1.0, (1.0,)) and not alone.excludes_zero
    assert paired([1.5, 2.5], [1, 2]) == Difference(0.5, 0.5, 0.5, 0.0, (0.5, 0.5))
    assert paired([1, 2], [1, 2]) == Difference(0, 0, 0, 1.0, (0, 0))


@pytest.mark.parametrize("mean", [-0.02, -0.004, 0.0, 0.009, 0.03])
def test_equivalence_is_two_one_sided_t_tests(mean):
    values = mean + 0.01 * np.random.default_rng(0).normal(size=7)
    above = ttest_1samp(values, -0.01, alternative="greater").pvalue
    below = ttest_1samp(values, 0.01, alternative="less").pvalue
    assert equivalence_p_value(values, 0.01) == pytest.approx(max(above, below))
    # Equivalent at level p if the interval of coverage 1 - 2 p just reaches the margin.
    if max(above, below) < 0.5:
        low, high = student_interval(values, 1 - 2 * max(above, below))
        assert max(-low, high) == pytest.approx(0.01)


def test_an_interval_has_the_coverage_asked_for():
    values = np.random.default_rng(0).normal(size=7)
    for confidence in (0.5, 0.95, 0.99375):
        expected = ttest_1samp(values, 0).confidence_interval(confidence)
        assert student_interval(values, confidence) == pytest.approx(tuple(expected))


def test_a_test_of_values_without_spread():
    assert student_p_value([0.1]) == equivalence_p_value([0.0], 0.1) == 1
    assert student_p_value([0.0, 0.0]) == 1 and student_p_value([-0.5, -0.5]) == 0
    assert equivalence_p_value([0.5, 0.5], 0.75) == 0 and equivalence_p_value([1, 1], 0.75) == 1


@pytest.mark.parametrize("seeds", [[0, 1, 2], [0, 2], [0, 0]])
def test_what_cannot_be_compared(seeds):
    with pytest.raises(ValueError, match="expected the same seeds, each once"):
        difference(*(frame(record(s, ece=0.1) for s in each) for each in ((0, 1), seeds)), "ece")
    with pytest.raises(ValueError, match="ece is undefined for some of these records"):
        paired([0.1, None], [0.1, 0.2])
    with pytest.raises(ValueError, match="posterior error on 'test' is not in these records"):
        rank_correlation_with_posterior_error(
            frame([record(0, **dict.fromkeys(RANKED, 0.1))]), "test"
        )


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
    """Of four ways without ties, Spearman's coefficient is 1 - 6 sum d^2 / (4 * 15)."""
    errors = [0.1, 0.2, 0.3, 0.4]
    methods = ["bce", "focal", "brier", "mbls"]
    for order in itertools.permutations(range(4)):
        rows = [
            record(0, method, posterior_error=error, **dict.fromkeys(RANKED, 0.01 * rank))
            for method, error, rank in zip(methods, errors, order, strict=True)
        ]
        d2 = sum((rank - i) ** 2 for i, rank in enumerate(order))
        found = rank_correlation_with_posterior_error(frame(rows), "test")
        assert found == pytest.approx(dict.fromkeys(RANKED, 1 - 6 * d2 / 60))
