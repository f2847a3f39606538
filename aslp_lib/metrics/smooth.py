"""Smooth calibration error: no bins, and no width to choose (Blasiok & Nakkiran, ICLR 2024)."""

from __future__ import annotations

import numpy as np

from aslp_lib.metrics.calibration import Of, forecast
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import Score

POINTS_PER_GREY_LEVEL = 8
NARROWEST = 0.25
"""In steps of the grey scale: narrower kernels no longer touch the neighbouring grey level."""


def smooth_ece(counts: Counts, of: Of = "prediction") -> float:
    """Smooth expected calibration error.

    Each grey level's residual, (outcome - confidence) times its share of pixels, is spread by a
    Gaussian of width s, reflected at 0 and 1; the error at width s is the integral of the absolute
    sum. It falls with s, and the score is where the two are equal: the width it needs is its own
    size.
    """
    residual = _residuals(counts, of)
    low, high = NARROWEST / (counts.grey_levels - 1), 1.0
    if np.abs(residual).sum() <= low:
        return float(np.abs(residual).sum())  # nothing overlaps at a width this small
    spectrum = _spectrum(residual)
    # False position: the excess falls in s, and where it keeps an end twice, that end's is halved.
    excess_low, excess_high, side = _error(spectrum, low) - low, _error(spectrum, high) - high, 0
    while high - low > 1e-12:
        width = (low * excess_high - high * excess_low) / (excess_high - excess_low)
        excess = _error(spectrum, width) - width
        if abs(excess) < 1e-13:
            return width
        if excess > 0:
            low, excess_low = width, excess
            excess_high /= 2 if side > 0 else 1
            side = 1
        else:
            high, excess_high = width, excess
            excess_low /= 2 if side < 0 else 1
            side = -1
    return high


SMOOTH_ECE = Score("smooth_ece", smooth_ece, "smooth ECE", unit="%", better="less")


def smooth_ece_at(counts: Counts, width: float, of: Of = "prediction") -> float:
    """The same error at a given width of the Gaussian, in (0, 1], in units of confidence."""
    if not 0 < width <= 1:
        raise ValueError(f"width is {width}, but must lie in (0, 1]")
    return _error(_spectrum(_residuals(counts, of)), width)


def _residuals(counts: Counts, of: Of) -> np.ndarray:
    """(grey_levels,) each one's (outcome - confidence), times its share of all pixels."""
    found = forecast(counts, of)
    residual = np.zeros(counts.grey_levels)
    offset = counts.grey_levels - len(found.confidence)
    residual[offset:] = (found.positive - found.pixels * found.confidence) / found.pixels.sum()
    return residual


def _spectrum(residual: np.ndarray) -> np.ndarray:
    """Fourier coefficients of the residuals on a circle of twice the length, even about 0 and 1: on
    it a plain Gaussian is the reflected one."""
    circle = np.zeros(2 * POINTS_PER_GREY_LEVEL * (len(residual) - 1))
    at = np.arange(len(residual)) * POINTS_PER_GREY_LEVEL
    circle[at] += residual
    circle[-at] += residual  # an end meets its own reflection: it counts twice
    return np.fft.rfft(circle)


def _error(spectrum: np.ndarray, width: float) -> float:
    """Integral over [0, 1] of the smoothed residual's absolute value, by the trapezoidal rule; the
    Gaussian's own Fourier coefficients are known."""
    points = len(spectrum) - 1
    gaussian = np.exp(-((np.pi * np.arange(points + 1) * width) ** 2) / 2)
    smoothed = np.abs(np.fft.irfft(spectrum * gaussian, 2 * points)[: points + 1])
    return float(smoothed.sum() - (smoothed[0] + smoothed[-1]) / 2)
