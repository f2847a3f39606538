"""Smooth ECE against a loop over pixels, another library's integral, and cases by hand."""

import numpy as np
import pytest
from scipy.integrate import quad, trapezoid
from scipy.optimize import brentq

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.smooth import POINTS, smooth_ece


def counted(levels, labels, grey_levels=256) -> Counts:
    table = np.zeros((1, 2, grey_levels), np.int64)
    np.add.at(table, (0, labels, levels), 1)
    return Counts(table)


@pytest.mark.parametrize("of", ["prediction", "foreground"])
@pytest.mark.parametrize(("grey_levels", "tolerance"), [(256, 1e-9), (44, 1e-5)])
def test_it_is_the_width_at_which_a_loop_over_pixels_finds_the_same_error(
    of, grey_levels, tolerance
):
    """A Gaussian at each pixel, reflected at 0 and 1. The grid is fine enough for its integral; 44
    grey levels lie between its points."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, grey_levels, 40)  # overconfident
    confidence = levels / (grey_levels - 1)
    outcome = labels = (rng.random(40) < 0.5 + 0.7 * (confidence - 0.5)).astype(int)
    if of == "prediction":
        outcome = (confidence >= 0.5) == labels
        confidence = np.maximum(confidence, 1 - confidence)
    images = np.stack([2 * k + sign * confidence for k in range(-4, 5) for sign in (1, -1)])

    def residual(t, width):
        share = (outcome - confidence) / len(levels) / (width * np.sqrt(2 * np.pi))
        return abs(share @ np.exp(-(((t - images) / width) ** 2) / 2).sum(0))

    def error(width):
        return trapezoid([residual(t, width) for t in grid], grid)

    grid, ours = np.linspace(0, 1, POINTS + 1), smooth_ece(counted(levels, labels, grey_levels), of)
    expected = brentq(lambda w: error(w) - w, 0.02, 0.3, xtol=1e-10)
    assert ours == pytest.approx(expected, abs=tolerance)
    assert ours == pytest.approx(
        quad(lambda t: residual(t, ours), 0, 1, limit=400, epsabs=1e-10)[0], abs=1e-6
    )


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
    labels = np.repeat([1, 0], [right, 10000 - right])
    assert smooth_ece(counted(np.full(10000, level), labels)) == pytest.approx(error, abs=1e-9)
    finer = 17 * level - 1  # between points of the grid
    expected = abs(finer / 4335 - right / 10000)
    counts = counted(np.full(10000, finer), labels, 4336)
    assert smooth_ece(counts) == pytest.approx(expected, abs=1e-9)


def test_opposite_errors_of_two_neighbours_cancel_in_part():
    """By 10 of 5,000 pixels each: less than half a level, where kernels already overlap."""
    labels = np.repeat([1, 0, 1, 0], [3932, 1068, 3931, 1069])
    assert 0.25 / 255 < smooth_ece(counted(np.repeat([200, 201], 5000), labels)) < 0.002
