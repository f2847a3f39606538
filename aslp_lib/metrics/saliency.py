"""Saliency metrics of binary maps, all from the joint histogram.

Conventions are PySODMetrics' (256 thresholds, level `>= v` is foreground; each image's own curve,
then the mean over images), but for two: maps are taken as they are, never min-max normalised; and a
score that an image without foreground does not have is the mean over the images with some, NaN if
there are none. Values are in [0, 1].
"""

from __future__ import annotations

import numpy as np

from aslp_lib.metrics.counts import Counts

BETA_SQUARED = 0.3


def mae(counts: Counts) -> float:
    """Mean absolute error, `mean_i mean_pixels |p - y|`."""
    p = counts.probabilities
    error = counts.table[:, 0] @ p + counts.table[:, 1] @ (1 - p)
    return float(np.mean(error / counts.table.sum(axis=(1, 2))))


def f_curve(counts: Counts) -> np.ndarray:
    """(levels,) F at every threshold, mean over images; 0 where nothing is found.

    `F = (1 + b) * P * R / (b * P + R)`, b = 0.3 (Achanta et al., CVPR 2009).
    """
    found = _found(_with_foreground(counts))
    if not len(found):
        return np.full(counts.levels, np.nan)
    return _f(found[:, 0], found[:, 1]).mean(axis=0)


def max_f(counts: Counts) -> float:
    """Largest value of the mean F curve."""
    return float(f_curve(counts).max())


def mean_f(counts: Counts) -> float:
    """Mean of the F curve over thresholds."""
    return float(f_curve(counts).mean())


def adaptive_f(counts: Counts) -> float:
    """Mean over images of F at the image's own threshold, twice its mean level, at most the top."""
    table = _with_foreground(counts)
    if not len(table):
        return float("nan")
    found = _found(table)
    index = (np.arange(len(table)), _adaptive_threshold(table))
    return float(_f(found[:, 0], found[:, 1])[index].mean())


def e_curve(counts: Counts) -> np.ndarray:
    """(levels,) enhanced alignment E at every threshold, mean over images (Fan et al., IJCAI 2018).

    With d, g the binary map and mask less their means, `a = 2 d g / (d^2 + g^2)` and
    `E = sum (a + 1)^2 / 4 / (pixels - 1)`. A mask of one class has no d g: E is then the share of
    pixels that agree with it (as PySODMetrics).
    """
    return _e(counts.table).mean(axis=0)


def max_e(counts: Counts) -> float:
    """Largest value of the mean E curve."""
    return float(e_curve(counts).max())


def mean_e(counts: Counts) -> float:
    """Mean of the E curve over thresholds."""
    return float(e_curve(counts).mean())


def iou(counts: Counts) -> float:
    """Mean over images of intersection over union at one half."""
    found = _found(_with_foreground(counts))
    if not len(found):
        return float("nan")
    half = counts.levels // 2
    true, false = found[:, 1, half], found[:, 0, half]
    return float((true / (found[:, 1, 0] + false)).mean())


def roc(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """(levels + 1,) false and true positive rate of pooled pixels, from (0, 0) to (1, 1)."""
    background, foreground = (
        np.concatenate([[0], row[::-1].cumsum()]) for row in counts.pooled.astype(np.float64)
    )
    with np.errstate(invalid="ignore"):  # a set of one class has no curve: NaN
        return background / background[-1], foreground / foreground[-1]


def auc(counts: Counts) -> float:
    """Area under `roc`, trapezoids: pairs of pixels on one level count one half."""
    false, true = roc(counts)
    return float(np.diff(false) @ (true[1:] + true[:-1]) / 2)


def precision_recall(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """(levels,) precision and recall of pooled pixels, highest threshold first."""
    background, foreground = counts.pooled[:, ::-1].cumsum(axis=1)
    with np.errstate(invalid="ignore"):
        # Where nothing is found, precision is 1 by convention.
        precision = np.where(foreground + background, foreground / (foreground + background), 1.0)
        return precision, foreground / foreground[-1]


def average_precision(counts: Counts) -> float:
    """`sum_v (R_v - R_(v+1)) * P_v` over thresholds, pooled pixels (scikit-learn's definition)."""
    precision, recall = precision_recall(counts)
    return float(np.diff(recall, prepend=0.0) @ precision)


def _with_foreground(counts: Counts) -> np.ndarray:
    return counts.table[counts.table[:, 1].any(axis=1)]


def _found(table: np.ndarray) -> np.ndarray:
    """(images, 2, levels): background and foreground pixels at or above each level."""
    return table[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]


def _f(false_positive: np.ndarray, true_positive: np.ndarray) -> np.ndarray:
    positives = true_positive[:, :1]
    # The same F, written so that it is 0 and not 0/0 where no foreground pixel is found.
    bottom = BETA_SQUARED * positives + true_positive + false_positive
    return (1 + BETA_SQUARED) * true_positive / bottom


def _adaptive_threshold(table: np.ndarray) -> np.ndarray:
    """(images,) lowest level at or above twice the mean level."""
    levels = table.shape[2]
    pooled = table.sum(axis=1)
    twice = 2 * (pooled @ np.arange(levels)) / pooled.sum(axis=1)
    return np.ceil(np.minimum(twice, levels - 1)).astype(int)


def _e(table: np.ndarray) -> np.ndarray:
    """(images, levels) E of each image at each threshold."""
    found = _found(table).astype(np.float64)
    false, true = found[:, 0], found[:, 1]
    negatives, positives = false[:, :1], true[:, :1]
    pixels = negatives + positives
    mean_map, mean_mask = (false + true) / pixels, positives / pixels
    total = np.zeros_like(true)
    # Four kinds of pixel: (binary map, mask) and how many there are of each.
    for on, label, number in (
        (1, 1, true),
        (1, 0, false),
        (0, 1, positives - true),
        (0, 0, negatives - false),
    ):
        d, g = on - mean_map, label - mean_mask
        alignment = 2 * d * g / (d**2 + g**2 + np.spacing(1))
        total += number * (alignment + 1) ** 2 / 4
    total = np.where(positives == 0, pixels - false, total)
    total = np.where(negatives == 0, true, total)
    return total / np.maximum(pixels - 1 + np.spacing(1), 1)
