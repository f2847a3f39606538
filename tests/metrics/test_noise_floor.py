"""The noise floor of the ECE and the interval that accounts for it, against their definitions, the
true posterior, and what other predictors and images must not change."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics import SCORES, calibration
from aslp_lib.metrics.bootstrap import Resamples, interval
from aslp_lib.metrics.calibration import ImageBins, ece_of_bins
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.noise_floor import ece_bounds, noise_floor


def random_counts(images, groups=None, seed=0):
    table = np.random.default_rng(seed).integers(0, 9, (images, 2, 256))
    return Counts(table).with_columns(groups=groups)


def over_all_signs(counts, bins, groups):
    """The mean ECE over all assignments of signs to groups, with residuals from single cells."""
    residual, pixels = np.zeros((len(counts), bins)), np.zeros((len(counts), bins))
    for image, label, level in np.argwhere(counts.table):
        number, p = counts.table[image, label, level], level / 255
        confidence, right = max(p, 1 - p), (p > 0.5) == label
        k = next(k for k in range(bins) if max(level, 255 - level) * bins <= (k + 1) * 255)
        residual[image, k] += number * (confidence - right)
        pixels[image, k] += number
    deviations = np.zeros((len(set(groups)), bins))
    for i, g in enumerate(sorted(set(groups))):
        inside = np.equal(groups, g)
        for k in np.flatnonzero(pixels[~inside].any(axis=0)):
            gap = residual[~inside, k].sum() / pixels[~inside, k].sum()
            deviations[i, k] = residual[inside, k].sum() - gap * pixels[inside, k].sum()
    signs = np.array(list(product((-1, 1), repeat=len(deviations))))
    return np.abs(signs @ deviations).sum(axis=1).mean() / pixels.sum()


@pytest.mark.parametrize("groups", [None, np.arange(20) // 2])
def test_it_is_nearly_the_mean_ece_over_all_signs(groups):
    """The normal distribution of a sum of ten or more residuals is an approximation."""
    counts = random_counts(10 if groups is None else 20, groups)
    expected = over_all_signs(counts, 15, range(10) if groups is None else groups)
    assert noise_floor(counts, 15) == pytest.approx(expected, rel=0.05)


def test_images_that_dominate_a_bin_fill_it_alone_or_share_it():
    """At confidence 1, 50 of 100 pixels of the first image are right, and 2 of 2 of the second. The
    deviations are 50 and -1, and 50 exceeds the root of 2 / pi times their squares. At 0.8, 3 of 5
    pixels of the third image are right: 4 - 3. At 0.6, 5 and 1 of 5 pixels of the last two are
    right. The residuals are -2 and 2, the deviations -4 and 4, and the root is that of 64 / pi."""
    table = np.zeros((5, 2, 256), np.int64)
    table[0, :, 255] = 50, 50
    table[1, 1, 255] = 2
    table[2, :, 204] = 2, 3
    table[3:, :, 153] = (0, 5), (4, 1)
    expected = (50 + 1 + math.sqrt(64 / math.pi)) / 117
    assert noise_floor(Counts(table)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("units", [1, 4])
def test_it_is_undefined_for_fewer_than_five_images_or_groups(units):
    groups = np.arange(12) % units
    assert np.isnan(noise_floor(random_counts(12, groups)))
    assert np.isnan(noise_floor(random_counts(units)))
    assert noise_floor(random_counts(5)) > 0


def test_a_divided_image_whose_parts_are_one_group_counts_as_the_image():
    """Scores of pooled pixels and means over images; the parts are halves of the same content."""
    whole = random_counts(12)
    groups = np.random.default_rng(1).permutation(np.repeat(np.arange(12), 2))
    parts = Counts(whole.table[groups]).with_columns(groups=groups)
    assert noise_floor(parts) == pytest.approx(noise_floor(whole), rel=1e-12)
    assert noise_floor(Counts(parts.table)) < 0.8 * noise_floor(whole)
    for name in ("ece", "oe"):
        ours, theirs = (Resamples(counts).bounds(SCORES[name]) for counts in (parts, whole))
        assert ours == pytest.approx(theirs, rel=1e-9)
    for score in (calibration.nll, SCORES["mae"].function):
        ours, theirs = interval(parts, score), interval(whole, score)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9)


def test_errors_far_above_the_floor_have_the_percentile_interval():
    """With as many pixels of each bin in every image, the two are equal. Without noise they have no
    width, and miscalibration that all images share does not raise the floor."""
    for high in (8, 1):
        table = np.zeros((30, 2, 256), np.int64)
        table[:, 0, [140, 190]] = np.random.default_rng(2).integers(0, high, (30, 2))
        table[:, 1, [140, 190]] = 100 - table[:, 0, [140, 190]]
        counts = Counts(table)
        percentiles = interval(counts, calibration.ece)
        expected = pytest.approx((percentiles.low, percentiles.high), rel=1e-6)
        assert Resamples(counts).bounds(SCORES["ece"]) == expected
        assert percentiles.value > 10 * noise_floor(counts)
    assert noise_floor(counts) == pytest.approx(0, abs=1e-12)
    assert percentiles.low == pytest.approx(percentiles.high)


def calibrated_images(rng, images=100):
    """Sums over five bins of calibrated pixels, which are right or wrong together in an image."""
    pixels = rng.integers(20, 200, (images, 5)).astype(float)
    confidence = np.array([0.55, 0.65, 0.75, 0.85, 0.95])
    rate = rng.beta(4 * confidence, 4 * (1 - confidence), (images, 5))
    return ImageBins(pixels, pixels * confidence, rng.binomial(pixels.astype(int), rate) * 1.0)


@pytest.mark.claim(
    "scores",
    "The interval of the ECE holds the true error 0 of a calibrated predictor, which "
    "percentile intervals exclude",
    "evaluation: Is 5.7 % more than chance?",
)
def test_the_interval_of_a_calibrated_predictor_holds_zero_and_the_percentile_one_does_not():
    rng = np.random.default_rng(3)
    held, held_by_percentiles, trials = 0, 0, 100
    for _ in range(trials):
        images = calibrated_images(rng)
        draws = rng.multinomial(100, np.full(100, 0.01), size=200)
        low, high = ece_bounds(images, draws)
        resampled = ece_of_bins(ImageBins(*(draws @ sums for sums in images)))
        ece = ece_of_bins(ImageBins(*(sums.sum(axis=0) for sums in images)))
        assert low * (1 - 1e-9) <= ece <= high * (1 + 1e-9)
        held += low == 0
        held_by_percentiles += np.quantile(resampled, 0.025) <= 1e-3
    assert held >= 0.88 * trials
    assert held_by_percentiles == 0


@pytest.fixture(scope="module")
def posterior_and_labels():
    shapes = Shapes("pool", 3_000, 5)
    return torch.from_numpy(shapes.posterior).double(), shapes.masks[:, 0].double()


@pytest.mark.claim(
    "scores",
    "The noise floor, computed from one test set, estimates the mean ECE of the true posterior",
    "evaluation: Is 5.7 % more than chance?",
)
@pytest.mark.slow
@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("units", [5, 10, 50])
def test_it_agrees_with_the_ece_of_the_true_posterior(posterior_and_labels, units, factor):
    """The true posterior is calibrated, so that its ECE is noise alone. If its logits are doubled,
    the noise is what remains without the gaps of the pool. Three standard errors are 12 %."""
    posterior, labels = posterior_and_labels
    pool = Counts.from_probabilities((factor * posterior.logit()).sigmoid(), labels, 256)
    gaps, rng = calibration.reliability(pool).gap, np.random.default_rng(units)
    noise, floors = [], []
    for _ in range(200):
        counts = pool[rng.integers(len(pool), size=units)]
        diagram = calibration.reliability(counts)
        noise.append(diagram.share @ np.abs(diagram.gap - gaps))
        floors.append(noise_floor(counts))
    assert np.mean(floors) == pytest.approx(np.mean(noise), rel=0.2)
