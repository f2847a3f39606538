import math

import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from aslp_lib.methods import Draws
from aslp_lib.methods.base import NoOptions
from aslp_lib.methods.focal import FLSD53

NONE = Draws(torch.zeros(5), range(5), lambda image: image)


def loss(logits, labels):
    return FLSD53(5, NoOptions()).loss(logits, labels, torch.arange(5), NONE)


def test_it_and_its_gradient_are_torchvision_s_focal_losses_of_5_and_3():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 1, 8, 8, generator=generator, dtype=torch.float64)
    labels = (torch.rand(5, 1, 8, 8, generator=generator) < 0.4).double()
    logits.requires_grad_()
    f = torch.sigmoid(logits)
    unsure = (labels * f + (1 - labels) * (1 - f) < 0.2).detach()
    assert 0.1 < unsure.float().mean() < 0.9
    five, three = (sigmoid_focal_loss(logits, labels, alpha=-1, gamma=g) for g in (5, 3))
    expected = five[unsure].sum() + three[~unsure].sum()
    found = loss(logits, labels)
    torch.testing.assert_close(found, expected)
    ours, theirs = (torch.autograd.grad(each, logits)[0] for each in (found, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("q", "gamma"), [(0.19, 5), (0.21, 3), (0.9, 3)])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_pixel_by_hand(q, gamma, label):
    logit = math.log(q / (1 - q)) * (1 if label else -1)
    found = loss(torch.full((5, 1, 1, 1), logit), torch.full((5, 1, 1, 1), label))
    assert found.item() == pytest.approx(-5 * (1 - q) ** gamma * math.log(q), rel=1e-5)
