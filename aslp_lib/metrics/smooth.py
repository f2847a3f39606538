"""Smooth expected calibration error, which needs neither bins nor a choice of kernel width.

Source: Blasiok & Nakkiran, ICLR 2024.
"""

import numpy as np

from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.metrics.counts import MAP_GREY_LEVELS, Counts
from aslp_lib.metrics.top_label import Of, top_label

POINTS = 8 * (MAP_GREY_LEVELS - 1)
"""Number of grid points of the integral, 8 for each grey level of an 8-bit map. A residual between
two of them is divided in proportion to its distances."""
PRECISION = 1e-13
"""Largest error of the kernel width."""
NARROWEST = 0.25
"""Smallest kernel width, in grey levels of an 8-bit map: narrower kernels do not reach the next."""


def smooth_ece(counts: Counts | ClassCounts, of: Of = "prediction") -> float:
    """Compute the smooth expected calibration error.

    The error at width s is `integral over t in [0, 1] of |sum_c r_c K(t, c)|`, where
    `r_c = w_c (acc_c - conf_c)` is the residual of the grey level with confidence c, w_c its share
    of pixels, and K a Gaussian of standard deviation s. The error falls as s grows. The score is
    the width at which the error equals the width, so that errors are resolved at the scale of the
    error itself.

    Source: Blasiok & Nakkiran, ICLR 2024, with a Gaussian kernel that is reflected at 0 and 1.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{smooth_ece(counts):.2f}")  # the only residual is (0.5 - 0.8) / 2
    0.15
    """
    residual = _residuals(counts, of)
    low, high = NARROWEST / (MAP_GREY_LEVELS - 1), 1.0
    if np.abs(residual).sum() <= low:
        return float(np.abs(residual).sum())  # kernels of this width do not overlap
    spectrum = _spectrum(residual)
    # The excess of the error over the width falls with the width, by 1 per unit or more, so that it
    # limits the distance from the root. Regula falsi finds it in the variant of Illinois; SciPy's
    # solvers take as long to import as a hundred maps to score.
    above, below = (_error(spectrum, width) - width for width in (low, high))
    width, excess = low, above
    while abs(excess) > PRECISION:
        width = (low * below - high * above) / (below - above)
        previous, excess = excess, _error(spectrum, width) - width
        weight = 0.5 if excess * previous > 0 else 1.0  # twice on one side: the other is too far
        if excess > 0:
            low, above, below = width, excess, weight * below
        else:
            high, below, above = width, excess, weight * above
    return width


def _residuals(counts: Counts | ClassCounts, of: Of) -> np.ndarray:
    """Compute the outcome minus confidence at each grid point, summed over its pixels, per pixel.

    Returns:
        Shape (POINTS + 1,).
    """
    outcomes = top_label(counts.as_one_image, of)
    residual, pixels, top = np.zeros(POINTS + 1), outcomes.pixels, counts.grey_levels - 1
    excess = (outcomes.positive - pixels * outcomes.confidence) / pixels.sum()
    point, rest = np.divmod(outcomes.numerators * POINTS, top)
    np.add.at(residual, point, excess * (1 - rest / top))
    np.add.at(residual, np.minimum(point + 1, POINTS), excess * (rest / top))
    return residual


def _spectrum(residual: np.ndarray) -> np.ndarray:
    """Compute the Fourier coefficients of the residuals, extended evenly about 0 and 1.

    On the circle of length 2 that results, a Gaussian is the reflected Gaussian on [0, 1].
    """
    circle = np.zeros(2 * POINTS)
    points = np.arange(POINTS + 1)
    circle[points] += residual
    circle[-points] += residual  # the residuals at 0 and 1 coincide with their reflections
    return np.fft.rfft(circle)


def _error(spectrum: np.ndarray, width: float) -> float:
    """Integrate the absolute smoothed residual over [0, 1] by the trapezoidal rule."""
    gaussian = np.exp(-((np.pi * np.arange(POINTS + 1) * width) ** 2) / 2)
    smoothed = np.abs(np.fft.irfft(spectrum * gaussian, 2 * POINTS)[: POINTS + 1])
    return float(smoothed.sum() - (smoothed[0] + smoothed[-1]) / 2)
