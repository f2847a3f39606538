import math

import pytest
import torch
from torch.nn import functional as F

from aslp_lib.methods import Draws
from aslp_lib.methods.mmce import MMCE, MMCEOptions, squared_mmce

NONE = Draws(torch.zeros(3), range(3), lambda image: image)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(3, 1, 9, 8, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), torch.rand(3, 1, 9, 8, generator=generator).double().round()


def all_pairs(logits, labels, width):
    """As the paper writes it, from the probabilities of two classes."""
    f = torch.sigmoid(logits).flatten(1)
    r, decision = torch.stack([1 - f, f]).max(dim=0)
    right = (decision == labels.flatten(1)).double()
    kernel = torch.exp(-(r[:, :, None] - r[:, None]).abs() / width)
    return torch.einsum("ni,nj,nij->n", right - r, right - r, kernel) / r.shape[1] ** 2


@pytest.mark.parametrize("width", [0.01, 0.2, 0.4, 5.0])
def test_it_and_its_gradient_are_those_of_all_pairs(batch, width):
    logits, labels = batch
    found = MMCE(3, MMCEOptions(1.5, width)).loss(logits, labels, torch.arange(3), NONE)
    bce = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    expected = bce + 1.5 * all_pairs(logits, labels, width).sqrt().sum() * 72
    torch.testing.assert_close(found, expected)
    ours, theirs = (torch.autograd.grad(each, logits)[0] for each in (found, expected))
    torch.testing.assert_close(ours, theirs)


def test_in_single_precision_a_large_image_is_as_good():
    generator = torch.Generator().manual_seed(1)
    confidence = 0.5 + 0.5 * torch.rand(1, 100_000, generator=generator)
    right = (torch.rand(1, 100_000, generator=generator) < confidence - 0.05).float()
    found = squared_mmce(confidence, right, 0.4).item()
    assert found == pytest.approx(
        squared_mmce(confidence.double(), right.double(), 0.4).item(), rel=1e-3
    )
    assert found == pytest.approx(0.05**2, rel=0.5)


def test_two_pixels_by_hand():
    confidence, right = torch.tensor([[0.9, 0.7]]), torch.tensor([[1.0, 0.25]])
    cross = 0.1 * -0.45 * math.exp(-0.2 / 0.4)
    found = squared_mmce(confidence, right, 0.4).item()
    assert found == pytest.approx((0.1**2 + 0.45**2 + 2 * cross) / 4, rel=1e-5)


def test_a_soft_label_is_right_as_far_as_it_agrees():
    logits = torch.full((3, 1, 1, 1), -math.log(4))  # sure of background by .8
    loss = MMCE(3, MMCEOptions(1.0)).loss(logits, torch.full_like(logits, 0.3), None, NONE)
    bce = -0.3 * math.log(0.2) - 0.7 * math.log(0.8)
    assert loss.item() == pytest.approx(3 * (bce + 0.1), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": -1.0}, "weight is -1.0, but must be finite and not negative"),
        ({"weight": math.nan}, "weight is nan"),
        ({"width": 0.009}, "width is 0.009, but must be finite and at least 0.01"),
        ({"width": math.inf}, "width is inf"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        MMCEOptions(**options)
    assert MMCEOptions() == MMCEOptions(2.0, 0.4)
    assert MMCEOptions(0.0, 0.01) != MMCEOptions()  # both may be
