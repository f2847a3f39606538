"""mixup, and RegMixup, which stands on it."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from aslp_lib.methods import Draws
from aslp_lib.methods.mixup import Mixup, MixupOptions, RegMixup, RegMixupOptions

DRAWS = Draws(torch.zeros(4), [3, 0, 2, 1], lambda image: 10 + image)
INDEX = torch.tensor([3, 0, 2, 1])


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, 3, 5, 5), generator=generator, dtype=torch.uint8)
    return images, (torch.rand(4, 1, 5, 5, generator=generator) < 0.5).float()


def by_hand(images, labels, alpha):
    pairs = []
    for row, image in enumerate([3, 0, 2, 1]):
        s = np.random.default_rng(10 + image).beta(alpha, alpha)
        x, y = (each.double().numpy() for each in (images, labels))
        pairs.append([(s * v[row] + (1 - s) * v[(row + 3) % 4]) for v in (x / 255, y)])
    return [torch.from_numpy(np.stack(each)).float() for each in zip(*pairs, strict=True)]


@pytest.mark.parametrize("alpha", [0.2, 1.0, 10.0])
def test_each_image_is_mixed_with_the_one_before_it(batch, alpha):
    found = Mixup(4, MixupOptions(alpha)).prepare(*batch, INDEX, DRAWS)
    for ours, expected in zip(found, by_hand(*batch, alpha), strict=True):
        torch.testing.assert_close(ours, expected)
    assert found[0].max() <= 1


@pytest.mark.parametrize("alpha", [0.2, 1.0, 10.0])
def test_shares_are_drawn_from_beta(alpha):
    """A white image before a black one each: what is left of the white ones is their share."""
    n = 2000
    images = torch.zeros(n, 3, 1, 1, dtype=torch.uint8)
    images[::2] = 255
    draws = Draws(torch.zeros(n), range(n), lambda image: image)
    method = Mixup(n, MixupOptions(alpha))
    seen, _ = method.prepare(images, torch.zeros(n, 1, 1, 1), torch.arange(n), draws)
    shares = seen[::2, 0, 0, 0].double().clamp(1e-7, 1 - 1e-7).numpy()
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_its_loss_is_that_of_both_labels_by_their_shares(batch):
    """Which is how the paper's code takes it: cross entropy is affine in the label."""
    images, labels = batch
    method = Mixup(4, MixupOptions(1.0))
    _, soft = method.prepare(images, labels, INDEX, DRAWS)
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(4, 1, 5, 5, generator=generator, dtype=torch.float64)
    expected = torch.zeros((), dtype=torch.float64)
    for row, image in enumerate([3, 0, 2, 1]):
        s = np.random.default_rng(10 + image).beta(1.0, 1.0)
        for share, other in ((s, row), (1 - s, row - 1)):
            pixel = F.softplus(logits[row]) - labels[other] * logits[row]
            expected += share * pixel.sum()
    found = method.loss(logits, soft.double(), INDEX, DRAWS)  # shares are rounded to float32
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_regmixup_sees_images_and_mixtures(batch):
    images, labels = batch
    seen, soft = RegMixup(4, RegMixupOptions(2.0)).prepare(images, labels, INDEX, DRAWS)
    mixtures, their_labels = by_hand(images, labels, 2.0)
    torch.testing.assert_close(seen, torch.cat([images.float() / 255, mixtures]))
    torch.testing.assert_close(soft, torch.cat([labels, their_labels]))


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_regmixup_s_loss_is_the_images_and_the_mixtures_by_their_weight(weight):
    generator = torch.Generator().manual_seed(1)
    logits, labels = torch.rand(2, 8, 1, 5, 5, generator=generator, dtype=torch.float64)
    pixel = F.softplus(logits) - labels * logits
    method = RegMixup(4, RegMixupOptions(weight=weight))
    expected = pixel[:4].sum() + weight * pixel[4:].sum()
    torch.testing.assert_close(method.loss(logits, labels, INDEX, DRAWS), expected)


@pytest.mark.parametrize("options", [MixupOptions, RegMixupOptions])
@pytest.mark.parametrize("alpha", [0.0, -1.0, math.inf, math.nan])
def test_an_alpha_out_of_range_is_refused(options, alpha):
    with pytest.raises(ValueError, match=f"alpha is {alpha}, but must be finite and positive"):
        options(alpha)


def test_regmixup_s_weight_and_what_is_not_chosen():
    for weight in (-0.1, math.inf):
        with pytest.raises(ValueError, match=f"weight is {weight}, but must be finite and not"):
            RegMixupOptions(weight=weight)
    assert (MixupOptions(), RegMixupOptions()) == (MixupOptions(0.2), RegMixupOptions(10.0, 1.0))
