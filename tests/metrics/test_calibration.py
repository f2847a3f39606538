"""Calibration scores against other libraries, loops over pixels and arithmetic by hand.

tests/properties/test_metrics.py has the exact fractions of every score, of any counts.
"""

import math

import numpy as np
import pytest
import torch

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

OF = ["prediction", "foreground"]


def row(levels, labels) -> Counts:
    """Counts of one row of pixels."""
    return Counts.from_map(np.uint8([levels]), np.uint8([labels]))


@pytest.mark.parametrize("bins", [7, 11, 13])
def test_ece_equals_torchmetrics_on_the_same_definition(cases, bins):
    """Its two-class form bins the predicted class's confidence, as here, but into `[low, high)`:
    with these bins no level but 0 and 255 lies on an edge. It sums in float32."""
    # Imported here, as it loads transformers: only one of pytest-xdist's workers has to.
    from torchmetrics.classification import BinaryAccuracy, MulticlassCalibrationError

    for levels, labels in cases.values():
        levels = levels.clip(1, 254)
        counts = Counts.from_maps(levels, labels)
        p, y = torch.from_numpy(levels.ravel() / 255).float(), torch.from_numpy(labels.ravel())
        both = torch.stack([1 - p, p], 1), y.long()
        theirs = {
            calibration.ece: MulticlassCalibrationError(2, n_bins=bins)(*both),
            calibration.mce: MulticlassCalibrationError(2, n_bins=bins, norm="max")(*both),
        }
        for score, value in theirs.items():
            assert score(counts, bins) == pytest.approx(value.item(), abs=1e-5)
        assert calibration.accuracy(counts) == pytest.approx(BinaryAccuracy()(p, y).item())


def forecasts(levels, labels, of):
    """(numerator of confidence over 255, outcome) of every pixel."""
    v, y = levels.ravel().astype(int), labels.ravel().astype(float)
    if of == "foreground":
        return v, y
    return np.maximum(v, 255 - v), ((v >= 128) == y).astype(float)


@pytest.mark.parametrize("of", OF)
def test_bins_of_equal_mass_equal_a_loop_over_pixels(cases, of):
    """The sweep takes the last number of bins before accuracy falls from one to the next."""
    for levels, labels in cases.values():
        counts = Counts.from_maps(levels, labels)
        numerator, outcome = forecasts(levels, labels, of)
        values = np.unique(numerator)
        for v in values:  # pixels of one level have no order: each carries their mean
            outcome[numerator == v] = outcome[numerator == v].mean()
        pixels = np.stack([numerator / 255, outcome], 1)[np.argsort(numerator, kind="stable")]
        errors, swept = [], 0
        for bins in range(1, len(values) + 1):
            # Every pixel is repeated `bins` times: then they split evenly.
            c, a = pixels.repeat(bins, axis=0).reshape(bins, -1, 2).mean(1).T
            errors.append(np.abs(c - a).mean())
            ours = calibration.ece_equal_mass(counts, bins, of)
            assert ours == pytest.approx(errors[-1], abs=1e-9)
            if not swept and (np.diff(a) < -1e-12).any():
                swept = bins - 1
            if swept and bins >= 10:
                break
        expected = errors[(swept or bins) - 1]
        assert calibration.ece_sweep(counts, of) == pytest.approx(expected, abs=1e-9)


def test_a_diagram_of_equal_mass_by_hand():
    """Eight pixels, 0.6, 0.8 and 1.0: two, two and four. Each of two bins holds four."""
    counts = row([153, 153, 204, 204, 255, 255, 255, 255], [0, 1, 1, 1, 1, 1, 1, 0])
    table = calibration.reliability_equal_mass(counts, bins=2)
    np.testing.assert_allclose(table.edges, [0.6, 0.8, 1.0])
    sums = [table.pixels, table.pixels * table.confidence, table.pixels * table.accuracy]
    np.testing.assert_allclose(sums, [[4, 4], [2.8, 4], [3, 3]])
    np.testing.assert_allclose([table.under, table.over], [0.5 * 0.05, 0.5 * 0.25])


@pytest.mark.parametrize("of", OF)
def test_the_bins_of_each_image_are_those_of_its_own_diagram(of):
    """Bins of equal mass are those of all images together. A bin holds all of a fraction of a
    pixel."""
    table = np.random.default_rng(0).integers(0, 3, (4, 2, 256))
    table[1, :, 60:200] = 0  # empty bins
    table[:, :, 7] = table[:, :, 248] = 0
    table[0, 1, 7] = 1  # a level of one pixel
    sums = calibration.image_bins(Counts(table), 15, of, equal_mass=True)
    whole = calibration.reliability_equal_mass(Counts(table), 15, of)
    together = whole.pixels * [np.ones(15), whole.confidence, whole.accuracy]
    np.testing.assert_allclose(np.sum(sums, axis=1), together)
    shares = calibration.image_bins(Counts(table / 1024), 15, of, equal_mass=True)
    np.testing.assert_allclose(1024 * np.array(shares), sums, rtol=1e-12)
    images = np.stack(calibration.image_bins(Counts(table), 15, of), axis=1)
    for image, own in zip(table, images, strict=True):
        diagram = calibration.reliability(Counts(image[None]), 15, of)
        np.testing.assert_allclose(diagram.edges, np.linspace(0, 1, 16))
        assert np.isnan(diagram.accuracy[diagram.pixels == 0]).all()
        means = np.nan_to_num([np.ones(15), diagram.confidence, diagram.accuracy])
        np.testing.assert_allclose(own, means * diagram.pixels)


@pytest.mark.claim(
    "scores",
    "The debiased squared error of a calibrated forecast is centred on 0",
    "evaluation: Would a calibrated network have an ECE of zero?",
)
def test_debiasing_centres_a_calibrated_forecast_on_zero_where_ece_stays_above():
    """Pixels drawn from their own probabilities, 400 a set: the debiased squared error averages to
    0 within its standard error; the plain ECE cannot."""
    rng = np.random.default_rng(0)
    squared, plain = [], []
    for _ in range(2000):
        levels = rng.integers(0, 256, (20, 20)).astype(np.uint8)
        labels = (rng.random((20, 20)) < levels / 255).astype(np.uint8)
        counts = Counts.from_map(levels, labels)
        squared.append(calibration.squared_error_debiased(counts))
        plain.append(calibration.ece(counts))
    error = np.std(squared) / math.sqrt(len(squared))
    assert abs(np.mean(squared)) < 4 * error
    assert np.mean(plain) > 0.02


@pytest.mark.parametrize("score", [calibration.ece, calibration.ece_equal_mass])
@pytest.mark.parametrize("bins", [-1, 0, 257, 1.5, 10.0, "10", None, True])
def test_the_number_of_bins_is_one_that_counts_can_fill(score, bins):
    counts = row([0, 255], [0, 1])
    with pytest.raises(ValueError, match=f"bins is '?{bins}'?; expected an integer from 1 to 256"):
        score(counts, bins)
    assert score(counts, 256) == score(counts, np.int64(10)) == 0


def test_what_cannot_be_measured():
    with pytest.raises(ValueError, match="number of pixels is 0"):
        calibration.ece(Counts(np.zeros((1, 2, 256), np.int64)))
    with pytest.raises(ValueError, match="of is 'both'"):
        calibration.ece(row([0, 255], [0, 1]), of="both")
    with pytest.raises(ValueError, match="counts of 8 grey levels"):
        calibration.check_bins(257, 8)
    calibration.check_bins(257, 4096)
