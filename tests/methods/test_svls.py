import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from aslp_lib.methods import Draws
from aslp_lib.methods.svls import SVLS, SVLSOptions, smoothed

NONE = Draws(torch.zeros(5), range(5), lambda image: image)


def kernel(sigma):
    """The paper's: a normalised Gaussian, whose middle is then what its neighbours sum to."""
    row = np.exp(-np.array([1.0, 0.0, 1.0]) / (2 * sigma**2))
    weights = np.outer(row, row) / row.sum() ** 2
    weights[1, 1] = 1 - weights[1, 1]
    return weights / weights.sum()


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_it_is_the_cross_entropy_of_smoothed_one_hot_maps(sigma):
    """With scipy's filter, whose "nearest" is replicate padding."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 1, 7, 6, generator=generator, dtype=torch.float64)
    labels = (torch.rand(5, 1, 7, 6, generator=generator) < 0.4).double()
    one_hot = np.stack([1 - labels[:, 0].numpy(), labels[:, 0].numpy()], axis=1)
    soft = [[ndimage.correlate(y, kernel(sigma), mode="nearest") for y in maps] for maps in one_hot]
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)
    expected = nn.CrossEntropyLoss(reduction="sum")(both, torch.tensor(np.array(soft)))
    method = SVLS(5, SVLSOptions(sigma))
    torch.testing.assert_close(method.loss(logits, labels, torch.arange(5), NONE), expected)


def test_a_pixel_alone_an_edge_and_the_inside_by_hand():
    alone = torch.zeros(1, 1, 5, 5)
    alone[0, 0, 2, 2] = 1
    edge, corner = math.exp(-0.5), math.exp(-1)
    share = 1 / (8 * (edge + corner))
    found = smoothed(alone, 1.0)[0, 0, 1:3, 1:3]
    expected = torch.tensor([[corner * share, edge * share], [edge * share, 0.5]])
    torch.testing.assert_close(found, expected)
    half = torch.zeros(1, 1, 4, 6)
    half[..., 3:] = 1
    step = (edge + 2 * corner) * share
    row = torch.tensor([0, 0, step, 1 - step, 1, 1])
    torch.testing.assert_close(smoothed(half, 1.0)[0, 0], row.expand(4, 6))


def test_targets_of_soft_labels_stay_between_0_and_1():
    for value in (0.0, 0.3, 1.0):
        labels = torch.full((1, 1, 4, 4), value)
        torch.testing.assert_close(smoothed(labels, 0.7), labels)
        assert smoothed(labels, 0.7).max() <= 1


def test_its_gradient_is_to_the_targets():
    labels = (torch.arange(25.0).view(1, 1, 5, 5) % 3 > 1).float()
    logits = torch.zeros(1, 1, 5, 5, requires_grad=True)
    method = SVLS(1, SVLSOptions())
    loss = method.loss(logits, labels, torch.arange(1), NONE)
    slope = torch.autograd.grad(loss, logits)[0]
    torch.testing.assert_close(slope, 0.5 - smoothed(labels, 1.0))


@pytest.mark.parametrize("sigma", [0.09, -1.0, math.inf, math.nan])
def test_a_sigma_out_of_range_is_refused(sigma):
    with pytest.raises(ValueError, match=f"sigma is {sigma}, but must be finite"):
        SVLSOptions(sigma)
    assert SVLSOptions() == SVLSOptions(1.0)  # the paper's
    assert torch.isfinite(smoothed(torch.ones(1, 1, 3, 3), 0.1)).all()
