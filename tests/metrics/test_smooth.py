"""Smooth ECE against a loop over pixels, another library's integral, and cases by hand."""

import numpy as np
import pytest
from scipy.integrate import quad, trapezoid
from scipy.optimize import brentq
from scipy.stats import norm

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.smooth import POINTS_A_LEVEL, smooth_ece, smooth_ece_at

OF = ["prediction", "foreground"]


def sample(pixels=300, seed=0):
    """Over-confident: levels, labels drawn from a probability nearer to one half."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, pixels)
    labels = rng.random(pixels) < 0.5 + 0.7 * (levels / 255 - 0.5)
    return levels, labels.astype(int)


def counted(levels, labels) -> Counts:
    table = np.zeros((1, 2, 256), np.int64)
    np.add.at(table, (0, labels, levels), 1)
    return Counts(table)


def forecasts(levels, labels, of):
    p = levels / 255
    if of == "foreground":
        return p, labels.astype(float)
    return np.maximum(p, 1 - p), ((levels >= 128) == labels).astype(float)


def reflected(at, points, width):
    """Gaussian around `points`, reflected at 0 and 1, by its mirror images."""
    images = (2 * k + sign * points for k in range(-4, 5) for sign in (1, -1))
    return sum(norm.pdf(at, image, width) for image in images)


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("width", [0.004, 0.03, 0.2, 1.0])
def test_it_equals_a_loop_over_pixels_and_mirror_images(width, of):
    levels, labels = sample()
    confidence, outcome = forecasts(levels, labels, of)
    grid = np.linspace(0, 1, 255 * POINTS_A_LEVEL + 1)
    smoothed = sum(
        (o - c) * reflected(grid, c, width) for c, o in zip(confidence, outcome, strict=True)
    ) / len(levels)
    oracle = trapezoid(np.abs(smoothed), grid)
    assert smooth_ece_at(counted(levels, labels), width, of) == pytest.approx(oracle, abs=1e-9)


@pytest.mark.slow
def test_the_grid_is_fine_enough_for_the_integral():
    levels, labels = sample(pixels=40)
    confidence, outcome = forecasts(levels, labels, "prediction")

    def density(t):
        return abs(((outcome - confidence) * reflected(t, confidence, 0.05)).mean())

    oracle = quad(density, 0, 1, limit=400, epsabs=1e-10)[0]
    ours = smooth_ece_at(counted(levels, labels), 0.05)
    assert ours == pytest.approx(oracle, abs=1e-6)


@pytest.mark.parametrize("of", OF)
def test_its_width_is_its_own_value(of):
    counts = counted(*sample())
    root = brentq(lambda width: smooth_ece_at(counts, width, of) - width, 1e-3, 1)
    assert smooth_ece(counts, of) == pytest.approx(root, abs=1e-9)
    assert 0.02 < root < 0.3


def test_a_single_level_by_hand():
    """100 pixels at 0.8, 60 of them right: one residual of 0.2, whatever the width."""
    counts = counted(np.full(100, 204), np.repeat([1, 0], [60, 40]))
    assert smooth_ece(counts) == pytest.approx(0.2, abs=1e-9)
    assert smooth_ece_at(counts, 0.01) == pytest.approx(0.2, abs=1e-9)


def test_certain_levels_keep_all_their_mass():
    """A level at the end meets its own reflection: 0 is as wrong here as 0.8 was."""
    counts = counted(np.full(100, 255), np.repeat([1, 0], [80, 20]))
    assert smooth_ece(counts) == pytest.approx(0.2, abs=1e-9)


def test_what_is_calibrated_scores_zero():
    counts = counted(np.full(5, 204), np.repeat([1, 0], [4, 1]))
    assert smooth_ece(counts) == pytest.approx(0, abs=1e-12)


def test_agreement_with_relplot():
    """Where it is installed. It loses half the mass of certain levels, and cuts wide kernels off:
    neither occurs here."""
    relplot = pytest.importorskip("relplot")
    levels, labels = sample(pixels=20_000)
    inside = (levels > 0) & (levels < 255)
    levels, labels = levels[inside], labels[inside]
    theirs = relplot.smECE(levels / 255, labels.astype(float))
    ours = smooth_ece(counted(levels, labels), "foreground")
    assert ours == pytest.approx(theirs, rel=0.02)


@pytest.mark.parametrize("width", [0.0, -1.0, 1.5])
def test_a_width_out_of_range_is_refused(width):
    with pytest.raises(ValueError, match="width is"):
        smooth_ece_at(counted(*sample()), width)
