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


def test_batches_are_counted_until_a_reset_unless_they_are_refused():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(12, 1, 8, 9, generator=generator)
    labels = (torch.rand(p.shape, generator=generator) < p).to(torch.uint8)
    accumulator, pooled, of_logits = (
        CountsAccumulator(256),
        CountsAccumulator(256, per_image=False),
        CountsAccumulator(logits=True),
    )
    with pytest.raises(ValueError, match="number of images is 0"):
        accumulator.compute()
    for part in (slice(8), slice(8, 12)):
        early = accumulator.counts if part.start else None
        for broken in ((p * math.nan, labels), (p, labels + 254), (p, labels[:, 0])):
            with pytest.raises(ValueError, match="expected"):
                accumulator.update(*broken)
        for counted in (accumulator, pooled):
            counted.update(p[part].clone().requires_grad_(), labels[part])  # as of a network
        of_logits.update(p[part].logit(), labels[part])
    assert len(early) == 8  # what comes later does not change what was returned
    whole = Counts.from_probabilities(p, labels, 256)
    np.testing.assert_array_equal(accumulator.counts.table, whole.table)
    np.testing.assert_array_equal(pooled.counts.table, whole.as_one_image().table)
    expected = Counts.from_logits(p.logit(), labels).logits
    np.testing.assert_allclose(of_logits.counts.logits, expected, rtol=1e-12)
    row = accumulator.compute(bins=5)
    assert row == pytest.approx(scores(whole, bins=5), nan_ok=True)
    undefined = {name for name, value in row.items() if math.isnan(value)}
    assert undefined == {name for name, score in SCORES.items() if score.needs}
    accumulator.reset()
    accumulator.update(p[:3].bfloat16(), labels[:3])
    assert len(accumulator.counts) == 3
