"""Calibration scores against arithmetic by hand, and what they are on average.

tests/properties/test_metrics.py has torchmetrics and the exact fractions of every score, of any
counts.
"""

import math

import numpy as np
import pytest

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


def test_a_diagram_of_equal_mass_by_hand():
    """Eight pixels, 0.6, 0.8 and 1.0: two, two and four. Each of two bins holds four."""
    levels = np.uint8([[153, 153, 204, 204, 255, 255, 255, 255]])
    counts = Counts.from_map(levels, np.uint8([[0, 1, 1, 1, 1, 1, 1, 0]]))
    table = calibration.reliability_equal_mass(counts, bins=2)
    np.testing.assert_allclose(table.edges, [0.6, 0.8, 1.0])
    sums = [table.pixels, table.pixels * table.confidence, table.pixels * table.accuracy]
    np.testing.assert_allclose(sums, [[4, 4], [2.8, 4], [3, 3]])
    np.testing.assert_allclose([table.under, table.over], [0.5 * 0.05, 0.5 * 0.25])


@pytest.mark.parametrize("of", ["prediction", "foreground"])
def test_bins_of_equal_mass_of_each_image_are_those_of_all_images_together(of):
    """A bin holds all of a fraction of a pixel."""
    table = np.random.default_rng(0).integers(0, 3, (4, 2, 256))
    table[:, :, 7] = table[:, :, 248] = 0
    table[0, 1, 7] = 1  # a level of one pixel
    sums = calibration.image_bins(Counts(table), 15, of, equal_mass=True)
    whole = calibration.reliability_equal_mass(Counts(table), 15, of)
    together = whole.pixels * [np.ones(15), whole.confidence, whole.accuracy]
    np.testing.assert_allclose(np.sum(sums, axis=1), together)
    shares = calibration.image_bins(Counts(table / 1024), 15, of, equal_mass=True)
    np.testing.assert_allclose(1024 * np.array(shares), sums, rtol=1e-12)


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
def test_there_may_be_as_many_bins_as_grey_levels_or_256(score):
    counts = Counts.from_map(np.uint8([[0, 255]]), np.uint8([[0, 1]]))
    assert score(counts, 256) == score(counts, np.int64(10)) == 0
    assert score(Counts(np.ones((1, 2, 8))), 256) > 0
    assert score(Counts(np.ones((1, 2, 4096))), 257) > 0


ONES = Counts(np.ones((1, 2, 256)))


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        *(
            (score, (ONES, bins), f"bins is '?{bins}'?; expected an integer from 1 to 256")
            for score in (calibration.ece, calibration.ece_equal_mass)
            for bins in (-1, 0, 257, 1.5, 10.0, "10", None, True)
        ),
        (calibration.ece, (Counts(np.ones((1, 2, 8))), 257), "counts of 8 grey levels"),
        (calibration.ece, (Counts(np.zeros((1, 2, 256))),), "number of pixels is 0"),
        (calibration.ece, (ONES, 10, "both"), "of is 'both'"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)
