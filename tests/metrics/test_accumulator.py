"""Counts of batches, against torchmetrics fed the same batches and against plain loops."""

import doctest
import math

import numpy as np
import pytest
import torch
from torchmetrics.classification import BinaryAccuracy, BinaryCalibrationError

from aslp_lib.metrics import SCORES, accumulator, calibration, scores
from aslp_lib.metrics.accumulator import CountsAccumulator
from aslp_lib.metrics.counts import Counts


def batches(ignored=0.0):
    """Three of four overconfident images (4, 1, 8, 9) and labels, some of the labels 255."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        p = torch.randint(4096, (4, 1, 8, 9), generator=generator) / 4095
        labels = (torch.rand(p.shape, generator=generator) < 0.5 + 0.6 * (p - 0.5)).long()
        labels[torch.rand(p.shape, generator=generator) < ignored] = 255
        yield p, labels


@pytest.mark.parametrize("ignored", [0.0, 0.3])
def test_it_agrees_with_torchmetrics(ignored):
    """Of P(y = 1), as their error of two classes is; no grey level is on an edge of 11 bins."""
    ours = CountsAccumulator(ignore_index=255)
    error = BinaryCalibrationError(n_bins=11, ignore_index=255)
    share = BinaryAccuracy(ignore_index=255)
    for p, labels in batches(ignored):
        for metric in (ours, error, share):
            metric.update(p, labels)
    ece = calibration.ece(ours.counts, 11, "foreground")
    assert ece == pytest.approx(error.compute().item(), abs=1e-5)
    assert ours.compute()["accuracy"] == pytest.approx(share.compute().item(), abs=1e-6)


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
    with pytest.raises(ValueError, match="nothing to count"):
        found.compute()
    found.update(*second)
    assert len(found.counts) == 4


def test_nothing_of_a_refused_batch_is_kept():
    found = CountsAccumulator()
    for p, label in ((math.nan, 1), (0.5, 255)):
        with pytest.raises(ValueError, match="NaN or outside"):
            found.update(torch.full((1, 2), p), torch.full((1, 2), label))
    with pytest.raises(ValueError, match=r"\(2, 1, 3, 3\) and labels \(2, 3, 3\)"):
        found.update(torch.zeros(2, 1, 3, 3), torch.zeros(2, 3, 3))
    with pytest.raises(ValueError, match="nothing to count"):
        found.compute()


def test_a_network_s_output_needs_no_detaching():
    p, labels = next(batches())
    found = CountsAccumulator()
    found.update(p.requires_grad_().bfloat16(), labels.to(torch.uint8))
    assert found.counts.pixels == p.numel()


def test_the_example_in_its_words():
    result = doctest.testmod(accumulator)
    assert (result.attempted, result.failed) == (4, 0)
