"""The mean prediction of an image and of its mirror image, against the means of probabilities."""

import math

import pytest
import torch

from aslp_lib.recalibration import Flip


class LeftSide(torch.nn.Module):
    """Surer on the left: a mirror image is another thing to it."""

    def forward(self, images):
        columns = torch.linspace(3, 0, images.shape[-1], dtype=torch.float64)
        return (images.double().mean(1, keepdim=True) / 32 - 4) * columns


def test_it_is_the_mean_probability():
    images = torch.randint(0, 256, (3, 3, 6, 8), generator=torch.Generator().manual_seed(0))
    images, network = images.to(torch.uint8), LeftSide()
    logits = network(images)
    mirrored = torch.stack([network(each[None, :, :, range(7, -1, -1)])[0] for each in images])
    expected = torch.zeros_like(logits)
    for column in range(8):
        both = logits[..., column], mirrored[..., 7 - column]
        expected[..., column] = sum(1 / (1 + torch.exp(-each)) for each in both) / 2
    after = Flip().apply_on_images(logits, images, network)
    torch.testing.assert_close(torch.sigmoid(after), expected)
    assert after.dtype == logits.dtype
    assert (after - logits).abs().max() > 1


def test_by_hand():
    """Probabilities 3/4 and 1/4 have the mean 1/2, and 3/4 and 3/4 their own."""

    class Constant(torch.nn.Module):
        def forward(self, images):
            return torch.tensor([[[[-math.log(3), math.log(3)]]]])

    logits = torch.tensor([[[[math.log(3), math.log(3)]]]])
    images = torch.zeros(1, 3, 1, 2, dtype=torch.uint8)
    after = Flip().apply_on_images(logits, images, Constant())
    assert after.flatten().tolist() == pytest.approx([math.log(3), 0.0], abs=1e-6)


def test_a_network_that_sees_no_difference_is_left_as_it_is():
    """Also where a probability in single precision is 1."""
    logits = torch.tensor([-80.0, -17.5, -3.0, 0.0, 2.0, 17.5, 80.0]).view(1, 1, 7, 1)
    images = torch.zeros(1, 3, 7, 1, dtype=torch.uint8)
    after = Flip().apply_on_images(logits, images, lambda _: logits)
    torch.testing.assert_close(after, logits)


def test_nan_stays_nan():
    nan = torch.full((1, 1, 2, 2), math.nan)
    images = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    assert Flip().apply_on_images(torch.zeros(1, 1, 2, 2), images, lambda _: nan).isnan().all()
