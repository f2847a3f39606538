import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from aslp_lib.methods import Draws
from aslp_lib.methods.ml1_ace import ML1ACE, ML1ACEOptions, SoftML1ACE, calibration_error
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

NONE = Draws(torch.zeros(3), range(3), lambda image: image)


@pytest.fixture
def batch():
    """An unsure image, a sure one, and one without foreground."""
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([1.0, 6.0, 3.0]).view(3, 1, 1, 1)
    logits = scale * torch.randn(3, 1, 9, 8, generator=generator, dtype=torch.float64)
    labels = (torch.rand(3, 1, 9, 8, generator=generator) < 0.4).double()
    labels[2] = 0
    return logits.requires_grad_(), labels


def hard(f, y, bins):
    """Of an image, pixel by pixel."""
    held = {}
    for p, label in zip(f, y, strict=True):
        k = next(k for k in range(bins) if p <= (k + 1) / bins)
        held.setdefault(k, []).append((p, label))
    return np.mean([abs(np.mean(pairs, axis=0) @ [1, -1]) for pairs in held.values()])


def soft(f, y, bins):
    """With triangles around the centres, flat beyond the outer ones, as numpy interpolates."""
    centres = (np.arange(bins) + 0.5) / bins
    gaps = []
    for k in range(bins):
        weight = np.interp(f, centres, np.eye(bins)[k])
        if weight.sum() >= 1:
            gaps.append(abs(weight @ (f - y)) / weight.sum())
    return np.mean(gaps)


@pytest.mark.parametrize("bins", [2, 5, 20])
@pytest.mark.parametrize(("kind", "slow"), [(False, hard), (True, soft)])
def test_each_image_s_error_is_that_of_a_slow_loop(batch, kind, slow, bins):
    logits, labels = batch
    f, y = torch.sigmoid(logits).flatten(1).detach(), labels.flatten(1)
    found = calibration_error(f, y, bins, soft=kind)
    expected = [slow(*image, bins) for image in zip(f.numpy(), y.numpy(), strict=True)]
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(("method", "slow"), [(ML1ACE, hard), (SoftML1ACE, soft)])
def test_it_is_added_to_bce_as_often_as_there_are_pixels(batch, method, slow):
    logits, labels = batch
    found = method(3, ML1ACEOptions(0.7, 10)).loss(logits, labels, torch.arange(3), NONE)
    f, y = torch.sigmoid(logits).flatten(1).detach().numpy(), labels.flatten(1).numpy()
    error = sum(slow(*image, 10) for image in zip(f, y, strict=True))
    bce = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    assert found.item() == pytest.approx(bce.item() + 0.7 * error * 72)


@pytest.mark.parametrize("kind", [False, True])
def test_its_gradient_is_that_of_differences(batch, kind):
    """No pixel is so near an edge, nor a bin so near its labels, that a difference crosses it."""
    logits, labels = batch

    def error(z):
        return calibration_error(torch.sigmoid(z).flatten(1), labels.flatten(1), 7, soft=kind)

    assert torch.autograd.gradcheck(error, logits, eps=1e-7, atol=1e-5)


def test_by_hand():
    """Two bins: .1 and .3 with labels 0 and 1; .9 with label 1. Soft centres are .25 and .75."""
    f, y = torch.tensor([[0.1, 0.3, 0.9]]), torch.tensor([[0.0, 1.0, 1.0]])
    assert calibration_error(f, y, 2, soft=False).item() == pytest.approx((0.3 + 0.1) / 2)
    lower, upper = abs(0.1 - 0.9 * 0.7) / 1.9, (0.1 * 0.7 + 0.1) / 1.1
    assert calibration_error(f, y, 2, soft=True).item() == pytest.approx((lower + upper) / 2)


def test_soft_bins_of_less_than_a_pixel_do_not_count():
    f, y = torch.tensor([[0.5], [0.25]]), torch.tensor([[1.0], [1.0]])
    assert calibration_error(f, y, 2, soft=True).tolist() == [0.0, 0.75]


def test_edges_belong_to_the_bin_below_as_in_the_metrics():
    grey = np.array([[0, 51, 102, 255]], np.uint8)
    y = np.array([[0, 1, 0, 1]], np.uint8)
    expected = ((1 - 0.2) / 2 + 0.4 + 0) / 3  # [0, .2], (.2, .4], none, none, (.8, 1]
    f = torch.from_numpy(grey) / 255
    found = calibration_error(f, torch.from_numpy(y).float(), 5, soft=False)
    assert found.item() == pytest.approx(expected)
    table = calibration.reliability(Counts.from_map(grey, y), 5, of="foreground")
    assert np.abs(table.gap)[table.pixels > 0].mean() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": -1.0}, "weight is -1.0, but must be finite and not negative"),
        ({"weight": math.inf}, "weight is inf"),
        ({"bins": 1}, "bins is 1, but must be 2 or more"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        ML1ACEOptions(**options)
    assert ML1ACEOptions() == ML1ACEOptions(1.0, 20)
    assert ML1ACEOptions(0.0, 2) != ML1ACEOptions()  # both may be
