"""Smooth ECE against a loop over pixels, another library's integral, and cases by hand."""

import numpy as np
import pytest
from scipy.integrate import quad, trapezoid
from scipy.optimize import brentq

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.smooth import POINTS, smooth_ece, smooth_ece_at


def sample(pixels):
    """Overconfident: levels, and labels drawn from a probability nearer to one half."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, pixels)
    labels = rng.random(pixels) < 0.5 + 0.7 * (levels / 255 - 0.5)
    return levels, labels.astype(int)


def counted(levels, labels) -> Counts:
    table = np.zeros((1, 2, 256), np.int64)
    np.add.at(table, (0, labels, levels), 1)
    return Counts(table)


def smoothed(levels, labels, width, of):
    """The smoothed residual as a function of confidence: a Gaussian at each pixel, reflected at 0
    and 1 by its mirror images."""
    confidence, outcome = levels / 255, labels
    if of == "prediction":
        confidence, outcome = np.maximum(confidence, 1 - confidence), (levels >= 128) == labels
    images = np.stack([2 * k + sign * confidence for k in range(-4, 5) for sign in (1, -1)])
    share = (outcome - confidence) / len(levels) / (width * np.sqrt(2 * np.pi))
    return lambda t: share @ np.exp(-(((t - images) / width) ** 2) / 2).sum(0)


@pytest.mark.parametrize("of", ["prediction", "foreground"])
def test_it_equals_a_loop_over_pixels_and_its_width_is_its_own_value(of):
    levels, labels = sample(40)
    counts, grid = counted(levels, labels), np.linspace(0, 1, POINTS + 1)
    for width in (0.004, 0.2, 1.0):
        residual = smoothed(levels, labels, width, of)
        oracle = trapezoid([abs(residual(t)) for t in grid], grid)
        assert smooth_ece_at(counts, width, of) == pytest.approx(oracle, abs=1e-9)
    root = brentq(lambda width: smooth_ece_at(counts, width, of) - width, 1e-3, 1)
    assert smooth_ece(counts, of) == pytest.approx(root, abs=1e-9)
    assert 0.02 < root < 0.3


def test_the_grid_is_fine_enough_for_the_integral():
    levels, labels = sample(40)
    residual = smoothed(levels, labels, 0.05, "prediction")
    oracle = quad(lambda t: abs(residual(t)), 0, 1, limit=400, epsabs=1e-10)[0]
    assert smooth_ece_at(counted(levels, labels), 0.05) == pytest.approx(oracle, abs=1e-6)


@pytest.mark.parametrize(
    ("level", "right", "error"),
    [
        (204, 6000, 0.2),  # 10,000 pixels at 0.8: one residual, whatever the width
        (255, 8000, 0.2),  # a level at the end meets its own reflection and keeps all its mass
        (204, 8000, 0.0),  # calibrated
        (204, 8001, 1e-4),  # an error below the smallest width
    ],
)
def test_a_single_level_by_hand(level, right, error):
    counts = counted(np.full(10000, level), np.repeat([1, 0], [right, 10000 - right]))
    assert smooth_ece(counts) == pytest.approx(error, abs=1e-9)
    assert smooth_ece_at(counts, 0.01) == pytest.approx(error, abs=1e-9)


@pytest.mark.parametrize("width", [0.0, 1.5])
def test_a_width_out_of_range_is_refused(width):
    with pytest.raises(ValueError, match="width is"):
        smooth_ece_at(counted(*sample(4)), width)


def test_opposite_errors_of_two_neighbours_cancel_in_part():
    """By 10 of 5,000 pixels each: less than half a level, where kernels already overlap."""
    labels = np.repeat([1, 0, 1, 0], [3932, 1068, 3931, 1069])
    counts = counted(np.repeat([200, 201], 5000), labels)
    value = smooth_ece(counts)
    assert smooth_ece_at(counts, value) == pytest.approx(value, abs=1e-9)
    assert 0.25 / 255 < value < 0.002
