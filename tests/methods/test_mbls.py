import math

import pytest
import torch
from torch.nn import functional as F

from aslp_lib.methods import Draws
from aslp_lib.methods.mbls import MbLS, MbLSOptions

NONE = Draws(torch.zeros(5), range(5), lambda image: image)


@pytest.mark.parametrize(("margin", "penalty"), [(0.0, 0.1), (2.0, 0.5), (100.0, 1.0)])
def test_it_is_the_paper_s_of_two_classes(margin, penalty):
    """`max_j l_j - l_k` of logits (c, c + z), whatever c is."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 1, 6, 6, generator=generator, dtype=torch.float64)
    labels = (torch.rand(5, 1, 6, 6, generator=generator) < 0.4).double()
    logits.requires_grad_()
    method = MbLS(5, MbLSOptions(margin, penalty))
    found = method.loss(logits, labels, torch.arange(5), NONE)
    both = torch.cat([torch.full_like(logits, 0.7), 0.7 + logits], dim=1)
    distance = both.max(dim=1, keepdim=True).values - both
    expected = F.cross_entropy(both, labels[:, 0].long(), reduction="sum")
    expected = expected + penalty * (distance - margin).clamp(min=0).sum()
    torch.testing.assert_close(found, expected)
    ours, theirs = (torch.autograd.grad(each, logits)[0] for each in (found, expected))
    torch.testing.assert_close(ours, theirs)


def test_a_right_pixel_is_pulled_back_beyond_the_margin_alone():
    logits = torch.tensor([2.9, 3.1, -3.1]).view(3, 1, 1, 1).requires_grad_()
    labels = torch.tensor([1.0, 1.0, 0.0]).view(3, 1, 1, 1)
    method = MbLS(3, MbLSOptions(3.0, 0.5))
    loss = method.loss(logits, labels, torch.arange(3), NONE)
    slope = torch.autograd.grad(loss, logits)[0].ravel().tolist()
    miss = [1 / (1 + math.exp(size)) for size in (2.9, 3.1, 3.1)]
    assert slope == pytest.approx([-miss[0], 0.5 - miss[1], miss[2] - 0.5], abs=1e-6)


@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan])
@pytest.mark.parametrize("name", ["margin", "penalty"])
def test_values_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}, but must be finite and not"):
        MbLSOptions(**{name: value})
    assert MbLSOptions() == MbLSOptions(10.0, 0.1)  # the authors'
    assert MbLSOptions(0.0, 0.0) != MbLSOptions()  # both may be
