import pytest
from torch import nn

from aslp_lib.course.models.costs import Card, activation_bytes, forward_flops, training_costs


def small() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(5, 1, 1, bias=False)
    )


def test_operations_by_hand():
    """On 16 pixels: 27 multiply-adds for each of 5 channels, then 5 for the last."""
    assert forward_flops(small(), 4) == 2 * 16 * (27 * 5 + 5)


def test_what_autograd_keeps_by_hand():
    """The input, and the ReLU's output once, though it and the next convolution both keep it."""
    assert activation_bytes(small(), 4) == 4 * 16 * (3 + 5)


def test_time_and_memory_by_hand():
    (cost,) = training_costs(small(), 4, 10, 1000, [Card("one", 1.0, 1)], peak_share=0.5)
    assert cost.hours == pytest.approx(3 * 4480 * 1000 / 0.5e12 / 3600)
    assert cost.gigabytes == pytest.approx((16 * 140 + 10 * 512 / 2) / 1e9)
