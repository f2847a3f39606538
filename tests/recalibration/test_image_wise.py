"""Image-wise shrinkage, against its formulas written out and a loss computed otherwise."""

import re
from decimal import Decimal, localcontext
from itertools import product

import numpy as np
import pytest
import torch

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.map_features import map_features
from aslp_lib.recalibration import ImageWiseShrinkage, ImageWiseTemperature

KINDS = [ImageWiseShrinkage, ImageWiseTemperature]


def images(number=40, side=12, seed=0):
    """Logits of images that differ in confidence, and labels drawn from what they say divided by a
    temperature that grows with it."""
    generator = torch.Generator().manual_seed(seed)
    scale = torch.linspace(0.5, 3, number).view(-1, 1, 1, 1)
    logits = scale * (torch.randn(number, 1, side, side, generator=generator) - 0.5)
    labels = torch.bernoulli(torch.sigmoid(logits / scale), generator=generator)
    return logits, labels


def counted(logits, labels):
    return Counts.from_probabilities(torch.sigmoid(logits), labels)


@pytest.fixture(scope="module", params=KINDS)
def fitted(request):
    with torch.inference_mode():  # as in an evaluation, where gradients are off
        return request.param().fit(counted(*images()), [counted(*corrupted())])


def corrupted():
    """Images of another size, so that weights of images and of pixels differ."""
    return images(30, side=18, seed=1)


@pytest.mark.claim("image-wise", "Image-wise recalibration changes no decision")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_no_decision_changes_however_large_or_small_a_logit(kind, dtype):
    large = [1e-20, 1e-7, 1e-3, 0.3, 1.1, 17.0, 30.0, 1e4]
    z = torch.tensor([*(-value for value in large), 0.0, *large], dtype=dtype)
    for u in (-50.0, -3.0, 0.0, 3.0, 50.0):
        after = kind().changed(z, torch.full_like(z, u))
        assert torch.isfinite(after).all()
        assert torch.equal(torch.sign(after), torch.sign(z))
    ends = ImageWiseTemperature().changed(z, torch.tensor(50.0)), z / 100
    torch.testing.assert_close(*ends)


def test_a_shrunk_logit_has_all_its_digits():
    """Next to 0 and far from it, compared with decimals of 200 digits."""
    for z, u in product((1e-12, 1e-3, 0.5, 1.0, 1.2, 5.0, 40.0, 200.0), (-30.0, -2.0, 0.0, 15.0)):
        with localcontext(prec=200):
            p, s = (1 / (1 + (-Decimal(value)).exp()) for value in (z, u))
            shrunk = (1 - s) * p + s / 2
            expected = float((shrunk / (1 - shrunk)).ln())
        found = ImageWiseShrinkage().changed(*torch.tensor([z, u], dtype=torch.float64))
        assert found.item() == pytest.approx(expected, rel=1e-12)


def probabilities(kind, p, u):
    """After the change, of numpy's probabilities."""
    if kind is ImageWiseShrinkage:
        s = 1 / (1 + np.exp(-u))
        return (1 - s) * p + s / 2
    return p ** np.exp(-u) / (p ** np.exp(-u) + (1 - p) ** np.exp(-u))


def levels_of(fit, features):
    return fit.levels(torch.from_numpy(features)).numpy()


def by_formula(fit, z, w):
    """Probabilities of images with logits (N, pixels) and weights (2, 6)."""
    means, deviations, lowest, highest = fit.scales.numpy()
    phi = ((map_features(z) - means) / deviations).clip(lowest, highest)
    u = np.column_stack([np.ones(len(phi)), phi]) @ w.T
    return probabilities(type(fit), 1 / (1 + np.exp(-z)), np.where(z > 0, u[:, :1], u[:, 1:]))


def price(fit, sets, w):
    """The loss of weights (2, 6), a pixel at a time."""
    total, importance = 0.0, 0.0
    for number, (logits, labels) in enumerate(sets):
        z, y = (each.flatten(1).double().numpy() for each in (logits, labels))
        p = by_formula(fit, z, w)
        nll = -np.log(np.where(y == 1, p, 1 - p))
        weight = 10.0 if number == 0 else 1.0
        total, importance = total + weight * nll.sum(), importance + weight * nll.size
    ridge = {ImageWiseShrinkage: 0.001, ImageWiseTemperature: 0.01}[type(fit)]
    return total / importance + ridge * (w[:, 1:] ** 2).sum()


def test_the_fit_is_the_best_by_a_loss_computed_pixel_by_pixel(fitted):
    """But for the bins of 0.2 that it keeps logits in: steps away cost more, of random directions
    and of each weight alone."""
    assert type(fitted).clean_weight == 10  # as in price
    sets = [images(), corrupted()]
    best = fitted.weights.numpy()
    z = sets[1][0].flatten(1).double()
    np.testing.assert_allclose(fitted(z).sigmoid(), by_formula(fitted, z.numpy(), best), rtol=1e-9)
    at_best = price(fitted, sets, best)
    unchanged = np.zeros_like(best)
    unchanged[:, 0] = {ImageWiseShrinkage: -3.0, ImageWiseTemperature: 0.0}[type(fitted)]
    assert at_best < price(fitted, sets, unchanged) - 0.01
    rng = np.random.default_rng(0)
    steps = [rng.normal(size=best.shape) for _ in range(10)]
    steps += [sign * each.reshape(best.shape) for each in np.eye(best.size) for sign in (1, -1)]
    for step in steps:
        for length in (0.5, 0.1):
            assert price(fitted, sets, best + length * step / np.linalg.norm(step)) > at_best


def test_features_are_standardised_over_clean_images_and_held_to_the_range_of_all(fitted):
    clean, others = (
        map_features(each.flatten(1).double().numpy()) for each in (images()[0], corrupted()[0])
    )
    means, deviations, lowest, highest = fitted.scales.numpy()
    np.testing.assert_allclose(means, clean.mean(axis=0), atol=0.01)  # counts round
    np.testing.assert_allclose(deviations, clean.std(axis=0), atol=0.01)
    every = (np.concatenate([clean, others]) - means) / deviations
    ends = np.quantile(every, [0.005, 0.995], axis=0)
    np.testing.assert_allclose([lowest, highest], ends, atol=0.02)
    unlike = map_features(np.full((1, 9), -1e4))
    assert unlike[0, -1] == 6  # |z|, clipped
    inside = means + deviations * np.clip((unlike - means) / deviations, lowest, highest)
    np.testing.assert_allclose(levels_of(fitted, unlike), levels_of(fitted, inside))


@pytest.mark.parametrize(
    ("kind", "u", "words"),
    [
        (ImageWiseShrinkage, (2.0, 1.0), ["s = 0.881", "s = 0.731"]),
        (ImageWiseTemperature, (2.0, 1.0), ["T = 7.389", "T = 2.718"]),
        # Beyond the range of the exponential function, the ends of the range apply.
        (ImageWiseShrinkage, (1e6, -1e6), ["s = 1.000", "s = 0.000"]),
        (ImageWiseTemperature, (1e6, -1e6), ["T = 100.000", "T = 0.010"]),
    ],
)
def test_it_describes_a_usual_image(kind, u, words):
    described = kind(np.outer(u, np.eye(6)[0]), np.zeros((4, 5))).describe()
    assert re.findall(r"[sT] = [\d.]+", described) == words


def test_images_alike_and_images_without_pixels(fitted):
    logits, labels = images(1)
    alike = counted(logits.expand(3, -1, -1, -1), labels.expand(3, -1, -1, -1))
    fit = type(fitted)().minimise(alike)
    assert fit.scales[1].tolist() == [1.0] * 5
    assert torch.isfinite(fit(logits)).all()
    table = counted(*images(3)).table.copy()
    table[1] = 0
    after = fitted.apply_counts(Counts(table)).table
    np.testing.assert_array_equal(after.sum(axis=2), table.sum(axis=2))
