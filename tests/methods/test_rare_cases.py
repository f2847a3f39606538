"""Cases of single losses that the random batches of `test_methods.py` do not hold."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from aslp_lib.methods.ml1_ace import calibration_error
from aslp_lib.methods.mmce import squared_mmce
from aslp_lib.methods.svls import smoothed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


def test_edges_of_ml1_ace_belong_to_the_bin_below_as_in_the_metrics():
    grey = np.array([[0, 51, 102, 255]], np.uint8)
    y = np.array([[0, 1, 0, 1]], np.uint8)
    expected = ((1 - 0.2) / 2 + 0.4 + 0) / 3  # [0, .2], (.2, .4], none, none, (.8, 1]
    f = torch.from_numpy(grey) / 255
    ours = calibration_error(f, torch.from_numpy(y).float(), 5, soft=False)
    assert ours.item() == pytest.approx(expected)
    table = calibration.reliability(Counts.from_map(grey, y), 5, of="foreground")
    assert np.abs(table.gap)[table.pixels > 0].mean() == pytest.approx(expected)


def test_mmce_of_a_large_image_is_as_good_in_single_precision():
    generator = torch.Generator().manual_seed(1)
    confidence = 0.5 + 0.5 * torch.rand(1, 100_000, generator=generator)
    right = (torch.rand(1, 100_000, generator=generator) < confidence - 0.05).float()
    single = squared_mmce(confidence, right, 0.4).item()
    double = squared_mmce(confidence.double(), right.double(), 0.4).item()
    assert single == pytest.approx(double, rel=1e-3)
    assert single == pytest.approx(0.05**2, rel=0.5)


def test_svls_targets_stay_between_0_and_1():
    for value, sigma in product((0.0, 0.3, 1.0), (0.1, 0.7)):  # 0.1 is the smallest sigma
        targets = smoothed(torch.full((1, 1, 4, 4), value), sigma)
        torch.testing.assert_close(targets, torch.full((1, 1, 4, 4), value))
        assert targets.min() >= 0 and targets.max() <= 1
    ones = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    # Of one sigma in 50, the rounded weights sum to more than 1.
    assert max(smoothed(ones, sigma).item() for sigma in torch.linspace(0.2, 5, 400).tolist()) == 1


def test_neighbours_that_are_ignored_have_no_weight_in_svls():
    """By hand: each neighbour, or its nearest pixel inside the border, with its weight."""
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(1, 1, 5, 6, generator=generator, dtype=torch.float64) < 0.5).double()
    valid = torch.rand(labels.shape, generator=generator) < 0.6
    targets = smoothed(labels.masked_fill(~valid, 0), 0.8, valid)
    weights = {(i, j): math.exp(-(i * i + j * j) / 1.28) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    weights[0, 0] = sum(weights.values()) - 1
    for _, _, row, column in valid.nonzero().tolist():
        above = below = 0.0
        for (i, j), weight in weights.items():
            place = 0, 0, min(max(row + i, 0), 4), min(max(column + j, 0), 5)
            above += weight * labels[place].item() * valid[place].item()
            below += weight * valid[place].item()
        assert targets[0, 0, row, column].item() == pytest.approx(above / below)
