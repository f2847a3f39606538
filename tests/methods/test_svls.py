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
