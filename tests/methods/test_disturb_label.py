import math

import pytest
import torch

from aslp_lib.methods import Draws
from aslp_lib.methods.disturb_label import DisturbLabel, DisturbLabelOptions


@pytest.mark.parametrize("rate", [0.1, 0.6])
def test_a_label_is_replaced_as_often_as_it_says_and_by_each_class_alike(rate):
    """Grey labels show which pixels are replaced. The targets follow from BCE's gradient,
    `sigmoid(0) - target`; tolerances are ten standard deviations of 10,000 draws."""
    logits = torch.zeros(2, 1, 50, 100, requires_grad=True)
    draws = Draws(torch.zeros(2), range(2), lambda image: 7 + image)
    method = DisturbLabel(2, DisturbLabelOptions(rate))
    loss = method.loss(logits, torch.full_like(logits, 0.25), torch.arange(2), draws)
    targets = 0.5 - torch.autograd.grad(loss, logits)[0]
    deviation = math.sqrt(rate / 2 * (1 - rate / 2) / targets.numel())
    for value, share in ((0.0, rate / 2), (1.0, rate / 2), (0.25, 1 - rate)):
        ours = (targets == value).float().mean().item()
        assert ours == pytest.approx(share, abs=10 * deviation)
    assert torch.isin(targets, torch.tensor([0.0, 0.25, 1.0])).all()
