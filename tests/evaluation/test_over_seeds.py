"""Differences and ranks over seeds, against scipy's paired test and ranks counted by hand."""

import itertools

import numpy as np
import pytest
from scipy.stats import ttest_rel

from aslp_lib.evaluation.over_seeds import RANKED, agreement_with_truth, difference


def record(seed, method="bce", **scores):
    return {
        "method": method, "options": {}, "recalibration": None, "seed": seed, "set": "test",
        **scores,
    }  # fmt: skip


def test_a_difference_is_that_of_a_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5))
    found = difference(
        [record(i, ece=each) for i, each in enumerate(a)],
        [record(i, ece=each) for i, each in reversed([*enumerate(b)])],
        "ece",
    )
    low, high = ttest_rel(a, b).confidence_interval(0.95)
    assert found == pytest.approx(((a - b).mean(), low, high))
    assert found.settled == (low > 0 or high < 0)
    # By hand: 1, 2 and 3 have mean 2 and deviation 1; t of 2 degrees at 97.5 % is 4.3027.
    by_hand = difference(
        [record(i, ece=i + 1.0) for i in range(3)], [record(i, ece=0.0) for i in range(3)], "ece"
    )
    assert by_hand == pytest.approx((2, 2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)
    assert not by_hand.settled


def test_of_one_seed_nothing_is_settled():
    assert not difference([record(0, ece=1.0)], [record(0, ece=0.0)], "ece").settled


@pytest.mark.parametrize("seeds", [[0, 1, 2], [0, 2], [0, 0]])
def test_seeds_that_are_not_the_same(seeds):
    with pytest.raises(ValueError, match="needs the same seeds, each once"):
        difference([record(s, ece=0.1) for s in (0, 1)], [record(s, ece=0.1) for s in seeds], "ece")


def test_agreement_counts_pairs_in_the_same_order():
    """Of four ways without ties, Spearman's coefficient is 1 - 6 sum d^2 / (4 * 15)."""
    truths = [0.1, 0.2, 0.3, 0.4]
    methods = ["bce", "focal", "brier", "mbls"]
    for order in itertools.permutations(range(4)):
        rows = [
            record(0, method, truth=truth, **dict.fromkeys(RANKED, 0.01 * rank))
            for method, truth, rank in zip(methods, truths, order, strict=True)
        ]
        d2 = sum((rank - i) ** 2 for i, rank in enumerate(order))
        found = agreement_with_truth(rows, "test")
        assert found == pytest.approx(dict.fromkeys(RANKED, 1 - 6 * d2 / 60))


def test_without_a_truth_there_is_none_to_agree_with():
    with pytest.raises(ValueError, match="posterior of 'test' is not in these records"):
        agreement_with_truth([record(0, **dict.fromkeys(RANKED, 0.1))], "test")
