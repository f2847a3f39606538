import math

import pytest
import torch
from torch import nn

from aslp_lib import Technique, sc_bce_with_logits
from aslp_lib.methods import Draws
from aslp_lib.methods.label_smoothing import LabelSmoothing, LabelSmoothingOptions

NONE = Draws(torch.zeros(5), range(5), lambda image: image)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 1, 4, 4, generator=generator, dtype=torch.float64)
    return logits, (torch.rand(5, 1, 4, 4, generator=generator) < 0.4).double()


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.7, 1.0])
def test_it_is_torch_s_label_smoothing_of_two_classes(batch, epsilon):
    """`nn.CrossEntropyLoss` of logits (0, z) is the binary one of z."""
    logits, labels = batch
    method = LabelSmoothing(5, LabelSmoothingOptions(epsilon))
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)
    expected = nn.CrossEntropyLoss(label_smoothing=epsilon, reduction="sum")(
        both, labels[:, 0].long()
    )
    torch.testing.assert_close(method.loss(logits, labels, torch.arange(5), NONE), expected)


def test_it_is_sc_bce_that_is_always_on(batch):
    logits, labels = batch
    found = LabelSmoothing(5, LabelSmoothingOptions(0.3)).loss(
        logits, labels, torch.arange(5), NONE
    )
    torch.testing.assert_close(
        found, sc_bce_with_logits(logits, labels, 1.0, Technique("LS", 0.3), reduction="sum")
    )


@pytest.mark.parametrize("epsilon", [-0.1, 1.1, math.nan])
def test_an_epsilon_out_of_range_is_refused(epsilon):
    with pytest.raises(ValueError, match=f"epsilon is {epsilon}, but must be a share"):
        LabelSmoothingOptions(epsilon)
    assert LabelSmoothingOptions() == LabelSmoothingOptions(0.1)
