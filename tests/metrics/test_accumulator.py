"""Counts of batches: kept, joined, forgotten and refused.

tests/properties/test_metrics.py counts them one by one.
"""

import math

import numpy as np
import pytest
import torch

from aslp_lib.metrics import SCORES, scores
from aslp_lib.metrics.accumulator import CountsAccumulator
from aslp_lib.metrics.counts import Counts


def batches():
    """Three of four overconfident images (4, 1, 8, 9) and labels."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        p = torch.randint(4096, (4, 1, 8, 9), generator=generator) / 4095
        labels = (torch.rand(p.shape, generator=generator) < 0.5 + 0.6 * (p - 0.5)).long()
        yield p, labels


def test_it_counts_what_one_batch_would_and_forgets_on_reset():
    found = CountsAccumulator(grey_levels=256)
    first, second, third = batches()
    found.update(*first)
    found.update(*second)
    early = found.counts
    found.update(*third)
    whole = Counts.from_probabilities(*map(torch.cat, zip(first, second, third, strict=True)), 256)
    for _ in range(2):  # a look changes nothing
        np.testing.assert_array_equal(found.counts.table, whole.table)
    assert len(early) == 8  # nor does what comes later change what was seen
    row = found.compute(bins=5)
    assert row == pytest.approx(scores(whole, bins=5), nan_ok=True)
    undefined = {name for name, value in row.items() if math.isnan(value)}
    assert undefined == {name for name, score in SCORES.items() if score.needs}
    found.reset()
    with pytest.raises(ValueError, match="number of images is 0"):
        found.compute()
    found.update(*second)
    assert len(found.counts) == 4


def test_nothing_of_a_refused_batch_is_kept():
    found = CountsAccumulator()
    for p, label in ((math.nan, 1), (0.5, 255)):
        with pytest.raises(ValueError, match="NaN or outside"):
            found.update(torch.full((1, 2), p), torch.full((1, 2), label))
    with pytest.raises(ValueError, match=r"labels is \(2, 3, 3\); expected .*\(2, 1, 3, 3\)"):
        found.update(torch.zeros(2, 1, 3, 3), torch.zeros(2, 3, 3))
    with pytest.raises(ValueError, match="number of images is 0"):
        found.compute()


def test_a_network_s_output_needs_no_detaching():
    p, labels = next(batches())
    found = CountsAccumulator()
    found.update(p.requires_grad_().bfloat16(), labels.to(torch.uint8))
    assert found.counts.pixels == p.numel()
