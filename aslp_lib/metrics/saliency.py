"""Saliency metrics of binary maps, all from the joint histogram.

Conventions are PySODMetrics' (256 thresholds, grey level `>= v` is foreground; each image's own
curve, then the mean over images), but for two: maps are taken as they are, never min-max
normalised; and a score that an image without foreground does not have is the mean over the images
with some, NaN if there are none. Values are in [0, 1].

Two scores are called max F in papers: the largest value of the mean F curve (`max_f`; as
PySODMetrics), and the largest F of the mean precision and recall (`max_f_mean_pr`; as the code of
BASNet and U2-Net), which is never the smaller one, since F is concave. ROC, AUC, precision-recall
and AP are of pooled pixels, not means of images' curves.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import ImageMean, Score, Visibility
from aslp_lib.metrics.structure import s_measures

BETA_SQUARED = 0.3


def _absolute_error(counts: Counts) -> np.ndarray:
    p = counts.probabilities
    error = counts.table[:, 0] @ p + counts.table[:, 1] @ (1 - p)
    return error / counts.table.sum(axis=(1, 2))


def f_curves(counts: Counts) -> np.ndarray:
    """(images, grey_levels) F of each image at every threshold; 0 where nothing is found, NaN for
    an image without foreground.

    `F = (1 + b) * P * R / (b * P + R)`, b = 0.3 (Achanta et al., CVPR 2009).
    """
    return _in_parts(_f, counts.table)


def precision_recall_curves(counts: Counts) -> np.ndarray:
    """(images, 2, grey_levels) precision and recall of each image at every threshold; precision 0
    where nothing is found (as BASNet's and U2-Net's code), NaN for an image without foreground."""
    return _in_parts(_precision_recall, counts.table)


def _max_f_of_means(means: np.ndarray) -> float:
    """Of mean precision and recall, one after the other."""
    precision, recall = means.reshape(2, -1)
    above, below = (1 + BETA_SQUARED) * precision * recall, BETA_SQUARED * precision + recall
    return float(np.divide(above, below, out=np.zeros_like(above), where=below != 0).max())


def _adaptive_f(counts: Counts) -> np.ndarray:
    pooled = counts.table.sum(axis=1)
    twice = 2 * (pooled @ np.arange(counts.grey_levels)) / pooled.sum(axis=1)
    threshold = np.ceil(np.minimum(twice, counts.grey_levels - 1)).astype(int)
    return f_curves(counts)[np.arange(len(counts)), threshold]


def e_curves(counts: Counts) -> np.ndarray:
    """(images, grey_levels) enhanced alignment E of each image at every threshold (Fan et al.,
    IJCAI 2018).

    With d, g the binary map and mask less their means, `a = 2 d g / (d^2 + g^2)` and
    `E = sum (a + 1)^2 / 4 / (pixels - 1)`. A mask of one class has no d g: E is then the share of
    pixels that agree with it (as PySODMetrics).
    """
    return _in_parts(_e, counts.table)


def _iou(counts: Counts) -> np.ndarray:
    half = counts.grey_levels // 2
    true = counts.table[:, 1, half:].sum(axis=1)
    false = counts.table[:, 0, half:].sum(axis=1)
    positives = counts.table[:, 1].sum(axis=1)
    return true / np.where(positives > 0, positives + false, np.nan)


def _structure(counts: Counts) -> np.ndarray:
    if counts.quadrants is None:
        raise ValueError("S needs the images' quadrants: count maps with Counts.from_map")
    return s_measures(counts.quadrants, counts.grey_levels - 1)


def _weighted_f(counts: Counts) -> np.ndarray:
    if counts.weighted_f is None:
        raise ValueError("weighted F was not measured: read maps with ReadOptions.weighted_f")
    return counts.weighted_f


mae = ImageMean(_absolute_error, None, "mean absolute error, `mean |p - y|`")
max_f = ImageMean(f_curves, np.max, "largest value of the mean F curve")
max_f_mean_pr = ImageMean(
    precision_recall_curves, _max_f_of_means, "largest F of the mean precision and recall"
)
mean_f = ImageMean(f_curves, np.mean, "mean of the F curve over thresholds")
adaptive_f = ImageMean(
    _adaptive_f, None, "F at each image's own threshold, twice its mean grey level, at most the top"
)
max_e = ImageMean(e_curves, np.max, "largest value of the mean E curve")
mean_e = ImageMean(e_curves, np.mean, "mean of the E curve over thresholds")
iou = ImageMean(_iou, None, "intersection over union at one half")
s_measure = ImageMean(_structure, None, "structure measure S (`structure.s_measures`)")
weighted_f = ImageMean(
    _weighted_f, None, "weighted F (Margolin et al., CVPR 2014), by PySODMetrics"
)


def roc(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """(grey_levels + 1,) false and true positive rate of pooled pixels, from (0, 0) to (1, 1)."""
    background, foreground = (
        np.concatenate([[0], row[::-1].cumsum()]) for row in counts.pooled.astype(np.float64)
    )
    with np.errstate(invalid="ignore"):  # a set of one class has no curve: NaN
        return background / background[-1], foreground / foreground[-1]


def auc(counts: Counts) -> float:
    """Area under `roc`, pooled pixels, trapezoids: pairs of one grey level count one half."""
    false, true = roc(counts)
    return float(np.diff(false) @ (true[1:] + true[:-1]) / 2)


def precision_recall(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """(grey_levels,) precision and recall of pooled pixels, highest threshold first."""
    background, foreground = counts.pooled[:, ::-1].cumsum(axis=1)
    with np.errstate(invalid="ignore"):
        # Where nothing is found, precision is 1 by convention.
        precision = np.where(foreground + background, foreground / (foreground + background), 1.0)
        return precision, foreground / foreground[-1]


def average_precision(counts: Counts) -> float:
    """`sum_v (R_v - R_(v+1)) * P_v` over thresholds, pooled pixels (scikit-learn's definition)."""
    precision, recall = precision_recall(counts)
    return float(np.diff(recall, prepend=0.0) @ precision)


MAE = Score("mae", mae, "MAE", better="less", visibility=Visibility.TERMINAL)
MAX_F = Score("max_f", max_f, "max F (mean F)", better="more", visibility=Visibility.TERMINAL)
MAX_F_MEAN_PR = Score(
    "max_f_mean_pr", max_f_mean_pr, "max F (mean P, R)", better="more", visibility=Visibility.TABLES
)
MEAN_F = Score("mean_f", mean_f, "mean F", better="more", visibility=Visibility.TABLES)
ADAPTIVE_F = Score("adaptive_f", adaptive_f, "adaptive F", better="more")
WEIGHTED_F = Score(
    "weighted_f",
    weighted_f,
    "weighted F",
    better="more",
    needs="weighted_f",
    visibility=Visibility.TABLES,
)
MAX_E = Score("max_e", max_e, "max E", better="more")
MEAN_E = Score("mean_e", mean_e, "mean E", better="more", visibility=Visibility.TABLES)
S_MEASURE = Score(
    "s_measure", s_measure, "S", better="more", needs="quadrants", visibility=Visibility.TABLES
)
IOU = Score("iou", iou, "IoU", better="more")
AP = Score("ap", average_precision, "AP, pooled", better="more")
AUC = Score("auc", auc, "AUC, pooled", better="more")


def _in_parts(curves: Callable[[np.ndarray], np.ndarray], table: np.ndarray) -> np.ndarray:
    """Curves of all images, some at a time: the work space does not grow with the set."""
    return np.concatenate([curves(table[i : i + 64]) for i in range(0, len(table), 64)])


def _found(table: np.ndarray) -> np.ndarray:
    """(images, 2, grey_levels): background and foreground pixels at or above each grey level."""
    return table[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]


def _precision_recall(table: np.ndarray) -> np.ndarray:
    """(images, 2, grey_levels) precision and recall of each image at each threshold."""
    found = _found(table)
    total, positives = found.sum(axis=1), found[:, 1, :1]
    below = np.stack([np.where(total > 0, total, 1), np.broadcast_to(positives, total.shape)], 1)
    return found[:, 1:] / np.where(positives[:, None] > 0, below, np.nan)


def _f(table: np.ndarray) -> np.ndarray:
    """(images, grey_levels) F of each image at each threshold."""
    found = _found(table)
    positives = found[:, 1, :1]
    # The same F, written so that it is 0 and not 0/0 where no foreground pixel is found.
    below = BETA_SQUARED * positives + found[:, 0] + found[:, 1]
    return (1 + BETA_SQUARED) * found[:, 1] / np.where(positives > 0, below, np.nan)


def _e(table: np.ndarray) -> np.ndarray:
    """(images, grey_levels) E of each image at each threshold."""
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
