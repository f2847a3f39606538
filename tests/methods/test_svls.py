import math

import pytest
import torch

from aslp_lib.methods.svls import smoothed


def test_targets_stay_between_0_and_1():
    for value in (0.0, 0.3, 1.0):
        labels = torch.full((1, 1, 4, 4), value)
        torch.testing.assert_close(smoothed(labels, 0.7), labels)
        assert smoothed(labels, 0.7).min() >= 0 and smoothed(labels, 0.7).max() <= 1
        assert torch.isfinite(smoothed(labels, 0.1)).all()  # the smallest sigma
    ones = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    # Of one sigma in 50, the rounded weights sum to more than 1.
    assert max(smoothed(ones, sigma).item() for sigma in torch.linspace(0.2, 5, 400).tolist()) == 1


def test_ignored_neighbours_have_no_weight():
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
