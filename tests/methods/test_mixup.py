"""mixup, and RegMixup, which uses it."""

import numpy as np
import pytest
import torch
from scipy import stats

from aslp_lib.methods import METHODS, Draws

ORDER = [3, 0, 2, 1]
DRAWS = Draws(torch.zeros(4), ORDER, lambda image: 10 + image)


@pytest.mark.parametrize("name", ["mixup", "regmixup"])
def test_each_image_is_mixed_with_the_one_before_it(name):
    """RegMixup also uses the original images, before the mixtures."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, 3, 5, 5), generator=generator, dtype=torch.uint8)
    labels = (torch.rand(4, 1, 5, 5, generator=generator) < 0.5).float()
    method = METHODS[name](4, METHODS[name].Options(alpha=2.0))
    seen = method.prepare(images, labels, torch.tensor(ORDER), DRAWS)
    for ours, x in zip(seen, (images.float() / 255, labels), strict=True):
        mixtures = []
        for row, image in enumerate(ORDER):
            s = np.random.default_rng(10 + image).beta(2.0, 2.0)
            mixtures.append(s * x[row] + (1 - s) * x[row - 1])
        originals = [x] if name == "regmixup" else []
        torch.testing.assert_close(ours, torch.cat([*originals, torch.stack(mixtures)]))


@pytest.mark.parametrize("name", ["mixup", "regmixup"])
def test_shares_are_drawn_from_beta(name):
    """White and black images alternate, so the brightness of a mixture is its share."""
    n, alpha = 2000, METHODS[name].Options().alpha
    images = torch.zeros(n, 3, 1, 1, dtype=torch.uint8)
    images[::2] = 255
    draws = Draws(torch.zeros(n), range(n), lambda image: image)
    method = METHODS[name](n, METHODS[name].Options())
    seen, _ = method.prepare(images, torch.zeros(n, 1, 1, 1), torch.arange(n), draws)
    shares = seen[-n::2, 0, 0, 0].double().clamp(1e-7, 1 - 1e-7).numpy()
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-4
