"""Structure measure S, and the sums over quadrants from which it is computed.

S needs more than the joint histogram of an image. The quadrants of an image meet at the centroid of
its foreground. For each quadrant and label, three sums determine all means, variances and
covariances in S exactly: the number of pixels, the sum of their grey levels and the sum of their
squares.
"""

import numpy as np

ALPHA = 0.5
"""Weight of the object-aware part of S (Fan et al., ICCV 2017)."""

_EPS = np.spacing(1)


def centroid(mask: np.ndarray) -> tuple[int, int]:
    """Compute the row and column at which the lower and right quadrants begin.

    Both are one more than the rounded mean position of the foreground pixels, as in the authors'
    MATLAB code and in PySODMetrics. Without foreground, the centre of the mask is used.

    >>> centroid(np.ones((3, 5), np.uint8))  # the mean position is (1, 2)
    (2, 3)

    Args:
        mask: labels (H, W), 0 or 1.
    """
    dtype = np.uint16 if max(mask.shape) < 2**16 else np.int64  # sums in 16 bits are faster
    rows, columns = (mask.sum(axis=axis, dtype=dtype).astype(np.int64) for axis in (1, 0))
    total = rows.sum()
    if total == 0:
        return round(mask.shape[0] / 2) + 1, round(mask.shape[1] / 2) + 1
    row, column = (round(float(np.arange(len(n)) @ n / total)) + 1 for n in (rows, columns))
    return row, column


def moments(histograms: np.ndarray) -> np.ndarray:
    """Compute the number of pixels, the sum of their grey levels and the sum of their squares.

    >>> moments(np.array([0, 3, 1]))  # grey levels 1, 1, 1 and 2
    array([4, 5, 7])

    Args:
        histograms: number of pixels of each grey level, int64 of shape (..., grey_levels).

    Returns:
        int64 of shape (..., 3).
    """
    # Sums of squares of fewer than 2^36 pixels of 8 bits are below 2^53, so float64 is exact.
    powers = np.vander(np.arange(histograms.shape[-1], dtype=np.float64), 3, increasing=True)
    return (histograms @ powers).astype(np.int64)


def s_measures(quadrants: np.ndarray, top: int) -> np.ndarray:
    """Compute the structure measure of each image, `S = max(0.5 object + 0.5 region, 0)`.

    The object-aware part is `2 m / (m^2 + 1 + s)`, where m and s are the mean and the standard
    deviation of the probabilities of foreground pixels (or of one minus the probabilities of
    background pixels), averaged over both classes with their areas as weights. The region-aware
    part is the structural similarity of map and mask in each quadrant, averaged with the areas of
    the quadrants as weights. If all labels are equal, S is the mean probability of that class.

    Source: Fan et al., ICCV 2017; conventions as in PySODMetrics.

    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[204, 51]]), np.uint8([[1, 0]]))
    >>> s_measures(counts.columns["quadrants"], top=255).round(4)  # (2 * 0.8 / (0.8^2 + 1) + 1) / 2
    array([0.9878])

    Args:
        quadrants: `moments` of each quadrant and label, shape (images, 4, 2, 3).
        top: highest grey level, which is probability 1.

    Returns:
        float64 of shape (images,).
    """
    whole = quadrants.sum(axis=1)
    background, foreground = whole[:, 0], whole[:, 1]
    pixels = whole[..., 0].sum(axis=1)
    share = foreground[:, 0] / pixels
    number, total, squares = background.T
    inverted = np.stack([number, top * number - total, squares - top * (2 * total - top * number)])
    objects = share * _object(foreground.T, top) + (1 - share) * _object(inverted, top)
    area = quadrants[..., 0].sum(axis=2) / pixels[:, None]
    region = (area * _ssim(quadrants, top)).sum(axis=1)
    s = np.maximum(ALPHA * objects + (1 - ALPHA) * region, 0)
    mean = whole[..., 1].sum(axis=1) / (top * pixels)
    return np.select([share == 0, share == 1], [1 - mean, mean], s)


def _deviation(number: np.ndarray, total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Compute the sum of squared deviations of integers from their mean.

    Deviations from the rounded mean are computed in integers, so that the sum is exactly 0 if all
    values are equal.
    """
    divisor = np.maximum(number, 1)
    rounded_mean = total // divisor
    rest = total - rounded_mean * number
    return squares - rounded_mean * (2 * total - rounded_mean * number) - rest**2 / divisor


def _object(sums: np.ndarray, top: int) -> np.ndarray:
    """Compute the similarity of values to 1, shape (images,), from their moments (3, images)."""
    number, total, _ = sums
    mean = total / (top * np.maximum(number, 1))
    deviation = np.sqrt(_deviation(*sums) / np.maximum(number - 1, 1)) / top
    return 2 * mean / (mean**2 + 1 + deviation + _EPS)


def _ssim(quadrants: np.ndarray, top: int) -> np.ndarray:
    """Compute the structural similarity of map and mask in each quadrant, shape (images, 4).

    It is 1 if both are constant, and 0 if only the numerator vanishes.
    """
    sums = quadrants.sum(axis=2)
    number, total = sums[..., 0], sums[..., 1]
    positives, inside = quadrants[:, :, 1, 0], quadrants[:, :, 1, 1]
    divisor, freedom = np.maximum(number, 1), number - 1 + _EPS
    x, y = total / (top * divisor), positives / divisor
    var_x = _deviation(*np.moveaxis(sums, -1, 0)) / (top**2 * freedom)
    var_y = positives * (number - positives) / (divisor * freedom)
    covariance = (inside - total * positives / divisor) / (top * freedom)
    above = 4 * x * y * covariance
    below = (x**2 + y**2) * (var_x + var_y)
    return np.where(above != 0, above / (below + _EPS), np.where(below == 0, 1.0, 0.0))
