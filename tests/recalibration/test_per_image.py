"""A level for each image, against its formulas written out and a loss computed otherwise."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from aslp_lib.data.degradations import DEGRADATIONS
from aslp_lib.data.degraded import Degraded
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import RECALIBRATIONS, PerImageLevel, PerImageTemperature
from aslp_lib.recalibration.calibration_data import FEATURES, map_features
from aslp_lib.recalibration.per_image import PerImage

KINDS = [PerImageLevel, PerImageTemperature]


def images(number=40, side=12, seed=0):
    """Logits of images that differ in sureness, and labels drawn from what they say divided by a
    temperature that grows with it."""
    generator = torch.Generator().manual_seed(seed)
    sure = torch.linspace(0.5, 3, number).view(-1, 1, 1, 1)
    logits = sure * (torch.randn(number, 1, side, side, generator=generator) - 0.5)
    labels = torch.bernoulli(torch.sigmoid(logits / sure), generator=generator)
    return logits, labels


def counted(logits, labels, grey_levels=4096):
    return Counts.from_probabilities(torch.sigmoid(logits), labels, grey_levels)


@pytest.fixture(scope="module", params=KINDS)
def fitted(request):
    logits, labels = images()
    degraded = images(30, seed=1)
    return request.param().fit(counted(logits, labels), [counted(*degraded)])


def test_features_by_hand():
    """Two pixels of foreground, at 0.9 and 0.6, and two of background, at 0.2 and at 1e-9."""
    p = np.array([[0.9, 0.6, 0.2, 1e-9]])
    entropy = -p * np.log(p) - (1 - p) * np.log1p(-p)
    found = dict(zip(FEATURES, map_features(np.log(p) - np.log1p(-p))[0], strict=True))
    assert found["log area"] == pytest.approx(np.log(0.501))
    assert found["log entropy"] == pytest.approx(np.log(0.001 + entropy.mean()))
    assert found["entropy of foreground"] == pytest.approx(entropy[0, :2].sum() / 4 / 0.51)
    assert found["entropy of background"] == pytest.approx(entropy[0, 2:].sum() / 4 / 0.51)
    sizes = np.abs([np.log(9), np.log(1.5), np.log(4), 6.0])  # 20.7 counts as 6
    assert found["|z|"] == pytest.approx(sizes.mean())


@pytest.mark.parametrize("z", [-1e4, -6, 6, 1e4, 0])
def test_a_map_of_one_level_has_features(z):
    assert np.isfinite(map_features(np.full((1, 9), float(z)))).all()


def test_features_of_counts_are_those_of_their_pixels():
    logits, labels = images(6)
    counts = counted(logits, labels)
    levels = np.clip(np.arange(4096) / 4095, 0.5 / 4095, 1 - 0.5 / 4095)
    p = levels[np.rint(4095 * torch.sigmoid(logits.flatten(1)).numpy()).astype(int)]
    of_pixels = map_features(np.log(p) - np.log1p(-p))
    of_counts = map_features(np.log(levels) - np.log1p(-levels), counts.table.sum(axis=1))
    np.testing.assert_allclose(of_pixels, of_counts, rtol=1e-9)


def test_what_it_does_to_logits():
    """The formulas as they stand, in double precision."""
    z, u = torch.linspace(-9, 9, 40).double(), torch.linspace(-4, 2, 40).double()
    p, s = torch.sigmoid(z), torch.sigmoid(u)
    mixed = torch.sigmoid(PerImageLevel().changed(z, u))
    torch.testing.assert_close(mixed, (1 - s) * p + s / 2)
    torch.testing.assert_close(PerImageTemperature().changed(z, u), z / torch.exp(u))


@pytest.mark.parametrize("kind", KINDS)
def test_no_decision_changes_however_large_a_logit(kind):
    z = torch.tensor([-1e4, -30.0, -1e-3, 0.0, 1e-3, 30.0, 1e4]).double()
    for u in (-50.0, -3.0, 0.0, 3.0, 50.0):
        after = kind().changed(z, torch.full_like(z, u))
        assert torch.isfinite(after).all()
        assert torch.equal(torch.sign(after), torch.sign(z))


def probabilities(kind, p, u):
    """After the change, of numpy's probabilities."""
    if kind is PerImageLevel:
        s = 1 / (1 + np.exp(-u))
        return (1 - s) * p + s / 2
    return p ** np.exp(-u) / (p ** np.exp(-u) + (1 - p) ** np.exp(-u))


def price(fit, sets, w):
    """The loss of weights (2, 6), a pixel at a time."""
    total, importance = 0.0, 0.0
    for number, (logits, labels) in enumerate(sets):
        z, y = (each.flatten(1).double().numpy() for each in (logits, labels))
        phi = ((map_features(z) - fit.means) / fit.deviations).clip(fit.lowest, fit.highest)
        u = np.column_stack([np.ones(len(phi)), phi]) @ w.T
        p = probabilities(type(fit), 1 / (1 + np.exp(-z)), np.where(z > 0, u[:, :1], u[:, 1:]))
        nll = -np.log(np.where(y == 1, p, 1 - p)).mean(axis=1)
        weight = fit.clean_weight if number == 0 else 1.0
        total, importance = total + weight * nll.sum(), importance + weight * len(z)
    return total / importance + fit.ridge * (w[:, 1:] ** 2).sum()


def test_the_fit_is_the_best_by_a_loss_computed_pixel_by_pixel(fitted):
    """But for the bins of 0.2 that it keeps logits in: steps away cost more, of random directions
    and of each weight alone."""
    sets = [images(), images(30, seed=1)]
    best = np.array([fitted.foreground, fitted.background])
    at_best = price(fitted, sets, best)
    start = np.zeros_like(best)
    start[:, 0] = type(fitted).start
    assert at_best < price(fitted, sets, start) - 0.01
    rng = np.random.default_rng(0)
    steps = [rng.normal(size=best.shape) for _ in range(10)]
    steps += [sign * each.reshape(best.shape) for each in np.eye(best.size) for sign in (1, -1)]
    for step in steps:
        assert price(fitted, sets, best + 0.5 * step / np.linalg.norm(step)) > at_best


def test_it_mends_what_differs_between_images(fitted):
    """Surer images are more over-confident here, which one number cannot mend."""
    logits, labels = images(40, seed=2)
    one = RECALIBRATIONS["temperature"]().fit(counted(*images()))
    before, after, with_one = (
        calibration.nll(counted(each, labels))
        for each in (logits, fitted.apply(logits), one.apply(logits))
    )
    assert after < with_one < before
    levels = fitted.levels(map_features(logits.flatten(1).double().numpy()))
    assert np.corrcoef(levels.mean(axis=1), np.arange(40))[0, 1] > 0.9


def test_each_image_is_changed_by_itself_and_no_decision(fitted):
    logits, _ = images(7, seed=3)
    whole = fitted.apply(logits)
    assert whole.dtype == logits.dtype
    assert torch.equal(whole > 0, logits > 0)
    order = torch.tensor([4, 0, 6])
    torch.testing.assert_close(fitted.apply(logits[order]), whole[order])
    assert torch.equal(PerImageLevel().apply(logits), logits)


def test_counts_move_as_their_pixels_do(fitted):
    logits, labels = images(5, side=40, seed=4)
    by_counts = fitted.apply_counts(counted(logits, labels))
    by_pixels = counted(fitted.apply(logits), labels)
    assert calibration.accuracy(by_counts) == calibration.accuracy(by_pixels)
    assert calibration.brier(by_counts) == pytest.approx(calibration.brier(by_pixels), abs=1e-4)
    np.testing.assert_array_equal(by_counts.table.sum(axis=2), by_pixels.table.sum(axis=2))


def test_what_is_unlike_all_of_the_fit_is_held_to_its_most_unlike(fitted):
    unlike = map_features(np.full((1, 9), -1e4))
    inside = np.array(fitted.means) + np.array(fitted.deviations) * np.clip(
        (unlike - fitted.means) / fitted.deviations, fitted.lowest, fitted.highest
    )
    np.testing.assert_allclose(fitted.levels(unlike), fitted.levels(inside))


def test_anyone_s_maps_will_do():
    """8 bits, read as maps are."""
    logits, labels = images(20)
    maps = np.rint(255 * torch.sigmoid(logits)[:, 0].numpy()).astype(np.uint8)
    counts = Counts.from_maps(maps, labels[:, 0].numpy().astype(np.uint8))
    for kind in KINDS:
        after = kind().fit(counts).apply_counts(counts)
        assert calibration.nll(after) < calibration.nll(counts)
        assert calibration.accuracy(after) == calibration.accuracy(counts)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_network_under_degradations_that_were_not_fitted_on(kind, bce):
    """Each kind of degradation is left out in turn: what is fitted on the others mends it too."""
    validate, data = bce.validate, bce.data
    counted_once = {
        name: validate(Degraded(data.validation, name)) for name in DEGRADATIONS if name[-1] == "2"
    }
    ratios = []
    for left, counts in counted_once.items():
        others = [each for name, each in counted_once.items() if name != left]
        fit = kind().fit(bce.counts, others)
        ratios.append(calibration.ece(fit.apply_counts(counts)) / calibration.ece(counts))
    assert np.mean(ratios) < 0.6


@pytest.mark.fault(
    "numbers of a level for each image are missing, or a deviation is 0", "they are refused"
)
def test_numbers_that_do_not_fit_together(fitted):
    with pytest.raises(ValueError, match="foreground has 5 numbers, but must have 6"):
        replace(fitted, foreground=fitted.foreground[1:])
    with pytest.raises(ValueError, match="means has 5 numbers, but must have 0"):
        type(fitted)(means=fitted.means)
    with pytest.raises(ValueError, match="a standard deviation is not positive"):
        replace(fitted, deviations=(0.0,) * 5)


def test_images_that_are_all_alike_are_fitted(fitted):
    logits, labels = images(1)
    fit = type(fitted)().fit(counted(logits.expand(3, -1, -1, -1), labels.expand(3, -1, -1, -1)))
    assert torch.isfinite(fit.apply(logits)).all()
    assert isinstance(fit, PerImage)


def test_an_image_without_pixels_stays_one(fitted):
    table = counted(*images(3)).table.copy()
    table[1] = 0
    assert not fitted.apply_counts(Counts(table)).table[1].any()
