import math

import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from aslp_lib.methods import Draws
from aslp_lib.methods.focal import Focal, FocalOptions

NONE = Draws(torch.zeros(5), range(5), lambda image: image)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
def test_it_and_its_gradient_are_torchvision_s(gamma):
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(5, 1, 4, 4, generator=generator, dtype=torch.float64)
    labels = (torch.rand(5, 1, 4, 4, generator=generator) < 0.4).double()
    logits.requires_grad_()
    found = Focal(5, FocalOptions(gamma)).loss(logits, labels, torch.arange(5), NONE)
    expected = sigmoid_focal_loss(logits, labels, alpha=-1, gamma=gamma, reduction="sum")
    torch.testing.assert_close(found, expected)
    ours, theirs = (torch.autograd.grad(loss, logits)[0] for loss in (found, expected))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_sure_pixels_have_finite_gradients(logit):
    """Where a probability rounds to 0 or 1, right or wrong."""
    logits = torch.full((5, 1, 1, 1), logit, requires_grad=True)
    loss = Focal(5, FocalOptions(0.5)).loss(logits, torch.ones(5, 1, 1, 1), torch.arange(5), NONE)
    assert torch.isfinite(torch.autograd.grad(loss, logits)[0]).all()


@pytest.mark.parametrize("gamma", [-0.1, math.inf, math.nan])
def test_a_gamma_out_of_range_is_refused(gamma):
    with pytest.raises(ValueError, match=f"gamma is {gamma}, but must be finite"):
        FocalOptions(gamma)
    assert FocalOptions() == FocalOptions(2.0)  # the paper's
