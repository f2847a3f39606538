import pytest
import torch

from aslp_lib.methods.mmce import squared_mmce


def test_in_single_precision_a_large_image_is_as_good():
    generator = torch.Generator().manual_seed(1)
    confidence = 0.5 + 0.5 * torch.rand(1, 100_000, generator=generator)
    right = (torch.rand(1, 100_000, generator=generator) < confidence - 0.05).float()
    single = squared_mmce(confidence, right, 0.4).item()
    double = squared_mmce(confidence.double(), right.double(), 0.4).item()
    assert single == pytest.approx(double, rel=1e-3)
    assert single == pytest.approx(0.05**2, rel=0.5)
