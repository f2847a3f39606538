"""What S needs of an image beyond its joint histogram: the sums of four quadrants.

The quadrants meet at the centroid of the mask's foreground. Of each, and each label, the number of
pixels, the sum of their grey levels and the sum of their squares give every mean, variance and
covariance that the structure measure asks for, exactly.
"""

from __future__ import annotations

from functools import cache

import numpy as np

ALPHA = 0.5
"""Weight of the object-aware part (Fan et al., ICCV 2017)."""

_EPS = np.spacing(1)


def centroid(mask: np.ndarray) -> tuple[int, int]:
    """Row and column at which the quadrants begin anew: one past the rounded mean foreground pixel
    (as MATLAB's code and PySODMetrics), the middle of a mask without foreground.

    Args:
        mask: (H, W), 0 or 1.
    """
    narrow = np.uint16 if max(mask.shape) < 2**16 else np.int64  # the narrower the faster
    rows, columns = (mask.sum(axis=axis, dtype=narrow).astype(np.int64) for axis in (1, 0))
    total = rows.sum()
    if total == 0:
        return round(mask.shape[0] / 2) + 1, round(mask.shape[1] / 2) + 1
    row, column = (round(float(np.arange(len(n)) @ n / total)) + 1 for n in (rows, columns))
    return row, column


def moments(histograms: np.ndarray) -> np.ndarray:
    """(..., grey_levels) histograms to (..., 3): number, sum of grey levels, sum of their squares;
    int64."""
    return histograms @ _powers(histograms.shape[-1])


def s_measures(quadrants: np.ndarray, top: int) -> np.ndarray:
    """Structure measure S of each image (Fan et al., ICCV 2017), `0.5 object + 0.5 region`, >= 0.

    Object: the similarity of the foreground's probabilities, and of the background's, to certainty,
    `2 m / (m^2 + 1 + s)` with their mean m and standard deviation s, weighted by their areas.
    Region: structural similarity of map and mask in each quadrant, weighted by its area. A mask of
    one class scores the mean of what it should be. Agrees with PySODMetrics.

    Args:
        quadrants: (images, 4, 2, 3), `moments` of quadrant and label.
        top: the grey level that means 1.

    Returns:
        (images,) float64.
    """
    whole = quadrants.sum(axis=1)
    background, foreground = whole[:, 0], whole[:, 1]
    pixels = whole[..., 0].sum(axis=1)
    share = foreground[:, 0] / pixels
    number, total, squares = background.T
    inverted = np.stack([number, top * number - total, squares - top * (2 * total - top * number)])
    alike = share * _object(foreground.T, top) + (1 - share) * _object(inverted, top)
    area = quadrants[..., 0].sum(axis=2) / pixels[:, None]
    region = (area * _ssim(quadrants, top)).sum(axis=1)
    mixed = np.maximum(ALPHA * alike + (1 - ALPHA) * region, 0)
    mean = whole[..., 1].sum(axis=1) / (top * pixels)
    return np.select([share == 0, share == 1], [1 - mean, mean], mixed)


@cache
def _powers(grey_levels: int) -> np.ndarray:
    grey = np.arange(grey_levels)
    return np.stack([np.ones_like(grey), grey, grey**2], axis=1)


def _deviation(number: np.ndarray, total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Sum of squared deviations from the mean, of integers: exactly 0 where all are equal."""
    safe = np.maximum(number, 1)
    middle = total // safe
    rest = total - middle * number
    return squares - middle * (2 * total - middle * number) - rest**2 / safe


def _object(sums: np.ndarray, top: int) -> np.ndarray:
    """(images,) similarity to 1 of the values whose (3, images) sums these are."""
    number, total, _ = sums
    mean = total / (top * np.maximum(number, 1))
    spread = np.sqrt(_deviation(*sums) / np.maximum(number - 1, 1)) / top
    return 2 * mean / (mean**2 + 1 + spread + _EPS)


def _ssim(quadrants: np.ndarray, top: int) -> np.ndarray:
    """(images, 4) structural similarity of map and mask; 1 where both are flat and one is black."""
    sums = quadrants.sum(axis=2)
    number, total = sums[..., 0], sums[..., 1]
    positives, inside = quadrants[:, :, 1, 0], quadrants[:, :, 1, 1]
    safe, free = np.maximum(number, 1), number - 1 + _EPS
    x, y = total / (top * safe), positives / safe
    var_x = _deviation(*np.moveaxis(sums, -1, 0)) / (top**2 * free)
    var_y = positives * (number - positives) / (safe * free)
    covariance = (inside - total * positives / safe) / (top * free)
    above = 4 * x * y * covariance
    below = (x**2 + y**2) * (var_x + var_y)
    return np.where(above != 0, above / (below + _EPS), np.where(below == 0, 1.0, 0.0))
