import math

import pytest
import torch

from aslp_lib.methods import Draws
from aslp_lib.methods.disturb_label import DisturbLabel, DisturbLabelOptions

PIXELS = (1, 50, 100)


def targets(labels, rate, images=(0, 1)):
    """Read off BCE's gradient, `sigmoid(0) - target`."""
    logits = torch.zeros_like(labels, requires_grad=True)
    draws = Draws(torch.zeros(len(images)), images, lambda image: 7 + image)
    method = DisturbLabel(2, DisturbLabelOptions(rate))
    loss = method.loss(logits, labels, torch.tensor(images), draws)
    return 0.5 - torch.autograd.grad(loss, logits)[0]


@pytest.mark.parametrize("rate", [0.1, 0.6])
def test_a_label_is_replaced_as_often_as_it_says_and_by_each_class_alike(rate):
    """Grey labels show which: within five standard deviations of 10,000 draws."""
    found = targets(torch.full((2, *PIXELS), 0.25), rate)
    deviation = 5 * math.sqrt(rate / 2 * (1 - rate / 2) / found.numel())
    for value, share in ((0.0, rate / 2), (1.0, rate / 2), (0.25, 1 - rate)):
        assert (found == value).float().mean().item() == pytest.approx(share, abs=2 * deviation)
    assert torch.isin(found, torch.tensor([0.0, 0.25, 1.0])).all()


def test_binary_labels_flip_at_half_the_rate():
    labels = (torch.arange(10_000).view(2, *PIXELS) % 2).float()
    flipped = (targets(labels, 0.4) != labels).float()
    assert flipped.mean().item() == pytest.approx(0.2, abs=5 * math.sqrt(0.16 / 10_000))
    by_class = [flipped[labels == y].mean().item() for y in (0, 1)]
    assert by_class == pytest.approx([0.2, 0.2], abs=0.03)


def test_each_image_draws_its_own_wherever_it_lies():
    labels = torch.full((2, *PIXELS), 0.25)
    both = targets(labels, 0.5)
    assert torch.equal(targets(labels[:1], 0.5, images=(1,))[0], both[1])
    assert not torch.equal(both[0], both[1])


def test_the_ends():
    labels = torch.full((2, *PIXELS), 0.25)
    assert torch.equal(targets(labels, 0.0), labels)
    assert torch.isin(targets(labels, 1.0), torch.tensor([0.0, 1.0])).all()


@pytest.mark.parametrize("rate", [-0.1, 1.1, math.nan])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match=f"rate is {rate}, but is a probability"):
        DisturbLabelOptions(rate)
    assert DisturbLabelOptions() == DisturbLabelOptions(0.1)
