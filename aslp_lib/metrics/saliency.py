"""Saliency metrics of grey-level maps, computed from the joint histogram of maps and masks.

The conventions are those of PySODMetrics: the thresholds are the 256 grey levels of 8-bit maps, a
pixel is detected at threshold v if its grey level is at least v, and curves are averaged over
images. There are two exceptions: maps are not min-max normalised, and scores that are undefined for
images without foreground (F, IoU, Dice) are averaged over the other images (NaN if there are none).

In papers, "max F" denotes either of two scores: the largest value of the mean F curve (`max_f`, as
in PySODMetrics) or the largest F of the mean precision and mean recall (`max_f_mean_pr`, as in the
code of BASNet and U2-Net). The latter is never smaller, since F is a concave function of precision
and recall. ROC, AUC, precision-recall curve and AP are computed from pooled pixels; they are not
means of the images' curves.

Values lie in [0, 1], except E (see `e_curves`). The examples use four pixels:

=====  ===  ===  ===  ===
p      1    0.8  0.2  0
label  1    0    1    0
=====  ===  ===  ===  ===

>>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 1, 0]]))
>>> print(f"{mae(counts):.2f}")  # (0 + 0.8 + 0.8 + 0) / 4
0.40
>>> print(f"{iou(counts):.3f}")  # one pixel of three
0.333
>>> print(f"{dice(counts):.3f}")  # 2 * 1 / (2 * 1 + 1 + 1)
0.500
>>> print(f"{max_f(counts):.4f}")  # P = 1, R = 1/2: 1.3 * 0.5 / (0.3 + 0.5)
0.8125
>>> print(f"{max_f_mean_pr(counts):.4f}")  # equal for a single image
0.8125
>>> print(f"{adaptive_f(counts):.4f}")  # at threshold 255, twice the mean grey level
0.8125
>>> print(f"{mean_f(counts):.3f}")  # (51 * 0.8125 + 153 * 0.5 + 51 * 0.7222 + 0.5652) / 256
0.607
>>> print(f"{max_e(counts):.3f}")  # (0.9246 + 0.81 + 0.01 + 0.81) / 3 at threshold 255
0.852
>>> print(f"{mean_e(counts):.3f}")  # (51 * 0.8515 + 153 * 0.6667 + 51 * 0.8515 + 0.3333) / 256
0.739
>>> print(f"{s_measure(counts):.2f}")  # (0.6232 + 0.2373) / 2: object and region
0.43
>>> weighted_f(counts.with_columns(weighted_f=[0.7]))  # the mean over one image
0.7
"""

from collections.abc import Callable

import numpy as np

from aslp_lib.metrics.counts import MAP_GREY_LEVELS, Counts
from aslp_lib.metrics.score import ImageMean
from aslp_lib.metrics.structure import s_measures

BETA_SQUARED = 0.3
"""beta^2 of the F measure; values below 1 weight precision more (Achanta et al., CVPR 2009)."""


def _absolute_error(counts: Counts) -> np.ndarray:
    counts = counts.grey
    p = counts.probabilities
    error = counts.table[:, 0] @ p + counts.table[:, 1] @ (1 - p)
    return error / counts.table.sum(axis=(1, 2))


def f_curves(counts: Counts) -> np.ndarray:
    """Compute F of each image at every threshold, `F = 1.3 * P * R / (0.3 * P + R)`.

    Source: Achanta et al., CVPR 2009, with beta^2 = 0.3.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 1, 0]]))
    >>> f_curves(counts)[0, [0, 51, 204, 255]].round(4)
    array([0.5652, 0.7222, 0.5   , 0.8125])

    Returns:
        Shape (images, thresholds). F is 0 where no foreground pixel is detected, and NaN for an
        image without foreground.
    """
    return _in_parts(_f, _at_thresholds(counts))


def precision_recall_curves(counts: Counts) -> np.ndarray:
    """Compute precision and recall of each image at every threshold.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 1, 0]]))
    >>> precision, recall = precision_recall_curves(counts)[0][:, [0, 51, 204, 255]]
    >>> precision.round(2), recall
    (array([0.5 , 0.67, 0.5 , 1.  ]), array([1. , 1. , 0.5, 0.5]))

    Returns:
        Shape (images, 2, thresholds). Precision is 0 where no pixel is detected (as in the code
        of BASNet and U2-Net). Both are NaN for an image without foreground.
    """
    return _in_parts(_precision_recall, _at_thresholds(counts))


def _max_f_of_means(means: np.ndarray) -> float:
    """Compute the largest F of concatenated mean precision and mean recall curves."""
    precision, recall = means.reshape(2, -1)
    above, below = (1 + BETA_SQUARED) * precision * recall, BETA_SQUARED * precision + recall
    return float(np.divide(above, below, out=np.zeros_like(above), where=below != 0).max())


def _adaptive_f(counts: Counts) -> np.ndarray:
    counts = counts.grey
    pooled = counts.table.sum(axis=1)
    twice = 2 * (pooled @ np.arange(counts.grey_levels)) / pooled.sum(axis=1)
    twice *= 1 - 1e-12  # a smaller excess over a grey level is rounding in fractions of pixels
    threshold = np.ceil(np.minimum(twice, counts.grey_levels - 1)).astype(int)
    return _in_parts(_f, counts.table)[np.arange(len(counts)), threshold]


def e_curves(counts: Counts) -> np.ndarray:
    """Compute the enhanced alignment measure E of each image at every threshold.

    Let d be the binary map minus its mean, and g the mask minus its mean. The alignment of a pixel
    is `a = 2 d g / (d^2 + g^2)`, and `E = sum (a + 1)^2 / 4 / (n - 1)` over the n pixels. E of a
    perfect map is therefore n / (n - 1). If all labels are equal, g is 0, and the summands are 1
    for the pixels that agree with the mask and 0 for the others (as in PySODMetrics).

    Source: Fan et al., IJCAI 2018.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 1, 0]]))
    >>> e_curves(counts)[0, [204, 255]].round(3)  # at 204, a is 1, -1, -1 and 1
    array([0.667, 0.852])

    Returns:
        Shape (images, thresholds).
    """
    return _in_parts(_e, _at_thresholds(counts))


def _iou(counts: Counts) -> np.ndarray:
    table, half = counts.grey.table, counts.grey_levels // 2
    true = table[:, 1, half:].sum(axis=1)
    false = table[:, 0, half:].sum(axis=1)
    positives = table[:, 1].sum(axis=1)
    return true / np.where(positives > 0, positives + false, np.nan)


def _dice(counts: Counts) -> np.ndarray:
    overlap = _iou(counts)
    return 2 * overlap / (1 + overlap)


def _structure(counts: Counts) -> np.ndarray:
    return s_measures(counts.columns["quadrants"], counts.grey_levels - 1)


def _weighted_f(counts: Counts) -> np.ndarray:
    return counts.columns["weighted_f"]


mae = ImageMean(_absolute_error)
"""Mean absolute error, `mean |p - y|` over the pixels of each image.

Source: Perazzi et al., CVPR 2012.
"""
max_f = ImageMean(f_curves, np.max)
"""Largest value of the mean F curve, `max_v mean_i F_i(v)`, over images i and thresholds v.

Source: Achanta et al., CVPR 2009; the maximum as in PySODMetrics.
"""
max_f_mean_pr = ImageMean(precision_recall_curves, _max_f_of_means)
"""Largest F of the mean precision and mean recall, `max_v F(mean_i P_i(v), mean_i R_i(v))`.

Source: Achanta et al., CVPR 2009; the maximum as in the code of BASNet (Qin et al., CVPR 2019) and
U2-Net (Qin et al., Pattern Recognition 2020).
"""
mean_f = ImageMean(f_curves, np.mean)
"""Mean of F over images i and thresholds v, `mean_v mean_i F_i(v)`.

Source: Achanta et al., CVPR 2009; the mean as in PySODMetrics.
"""
adaptive_f = ImageMean(_adaptive_f)
"""Mean of F at an adaptive threshold, `mean_i F_i(min(2 m_i, 255))` with mean grey level m_i.

Source: Achanta et al., CVPR 2009.
"""
max_e = ImageMean(e_curves, np.max)
"""Largest value of the mean E curve, `max_v mean_i E_i(v)`, over images i and thresholds v.

Source: Fan et al., IJCAI 2018; the maximum as in PySODMetrics.
"""
mean_e = ImageMean(e_curves, np.mean)
"""Mean of E over images i and thresholds v, `mean_v mean_i E_i(v)`.

Source: Fan et al., IJCAI 2018; the mean as in PySODMetrics.
"""
iou = ImageMean(_iou)
"""Intersection over union (Jaccard index) of foreground at threshold 1/2, `TP / (TP + FP + FN)`.

A pixel is predicted foreground if p >= 1/2, which is grey level 128 or more of an 8-bit map. The
score is the mean over the images that have foreground, not the IoU of pooled pixels.

Source: Everingham et al., IJCV 2010 (PASCAL VOC).
"""
dice = ImageMean(_dice)
"""Dice coefficient (F1) of foreground at threshold 1/2, `2 TP / (2 TP + FP + FN)`.

Threshold and images are those of `iou`. For one image, it is `2 IoU / (1 + IoU)`; the means
over images are not related in this way.

Source: Dice, Ecology 1945.
"""
s_measure = ImageMean(_structure)
"""Mean structure measure S over images (`structure.s_measures`), which needs counts of `from_map`.

Source: Fan et al., ICCV 2017.
"""
weighted_f = ImageMean(_weighted_f)
"""Mean weighted F over images, which PySODMetrics computes from the pixels when maps are read.

Source: Margolin et al., CVPR 2014.
"""


def roc(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Compute the ROC curve of pooled pixels, from (0, 0) to (1, 1).

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 1, 0]]))
    >>> false_positive_rate, true_positive_rate = roc(counts)
    >>> true_positive_rate[[0, 1, 205, 256]]  # no pixel; those at or above 255, 51 and 0
    array([0. , 0.5, 1. , 1. ])

    Returns:
        False positive rates and true positive rates, each of shape (levels + 1,), in order of
        descending thresholds; NaN if the set lacks the class.
    """
    background, foreground = (
        np.concatenate([[0], row[::-1].cumsum()]) for row in counts.ranked.astype(np.float64)
    )
    with np.errstate(invalid="ignore"):  # 0 / 0 without pixels of a class
        return background / background[-1], foreground / foreground[-1]


def auc(counts: Counts) -> float:
    """Compute the area under the ROC curve of pooled pixels, by the trapezoidal rule.

    It is the probability that a foreground pixel has a higher level than a background pixel, where
    ties count one half.

    Source: Hanley & McNeil, Radiology 1982.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 1, 0]]))
    >>> auc(counts)  # three of the four pairs are in the right order
    0.75
    """
    false_positive_rate, true_positive_rate = roc(counts)
    heights = true_positive_rate[1:] + true_positive_rate[:-1]
    return float(np.diff(false_positive_rate) @ heights / 2)


def precision_recall(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Compute the precision-recall curve of pooled pixels.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 1, 0]]))
    >>> precision, recall = precision_recall(counts)
    >>> precision[[0, 51, 204]].round(2), recall[[0, 51, 204]]  # at thresholds 255, 204 and 51
    (array([1.  , 0.5 , 0.67]), array([0.5, 0.5, 1. ]))

    Returns:
        Precision and recall, each of shape (levels,), in order of descending thresholds.
        Precision is 1 where no pixel is detected. Recall is NaN without foreground.
    """
    background, foreground = counts.ranked[:, ::-1].cumsum(axis=1)
    with np.errstate(invalid="ignore"):
        # Precision is 1 by convention where no pixel is detected.
        precision = np.where(foreground + background, foreground / (foreground + background), 1.0)
        return precision, foreground / foreground[-1]


def average_precision(counts: Counts) -> float:
    """Compute the average precision of pooled pixels, `sum_v (R_v - R_(v+1)) * P_v`.

    Source: scikit-learn's `average_precision_score`, which does not interpolate.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 1, 0]]))
    >>> print(f"{average_precision(counts):.3f}")  # 0.5 * 1 + 0.5 * 2/3
    0.833
    """
    precision, recall = precision_recall(counts)
    return float(np.diff(recall, prepend=0.0) @ precision)


def _in_parts(curves: Callable[[np.ndarray], np.ndarray], table: np.ndarray) -> np.ndarray:
    """Compute curves in blocks of 64 images, so that working memory does not grow with the set."""
    return np.concatenate([curves(table[i : i + 64]) for i in range(0, len(table), 64)])


def _at_thresholds(counts: Counts) -> np.ndarray:
    """Add up the grey levels from each threshold to the next, (images, 2, thresholds).

    The thresholds are the grey levels of 8-bit maps, if they are among those of the counts.
    """
    table = counts.grey.table
    steps, rest = divmod(counts.grey_levels - 1, MAP_GREY_LEVELS - 1)
    if rest or steps == 1:
        return table
    return np.add.reduceat(table, np.arange(0, table.shape[2], steps), axis=2)


def _detected(table: np.ndarray) -> np.ndarray:
    """Count background and foreground pixels at or above each grey level.

    Returns:
        Shape (images, 2, grey_levels): false positives and true positives.
    """
    return table[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]


def _precision_recall(table: np.ndarray) -> np.ndarray:
    detected = _detected(table)
    total, positives = detected.sum(axis=1), detected[:, 1, :1]
    below = np.stack([np.where(total > 0, total, 1), np.broadcast_to(positives, total.shape)], 1)
    return detected[:, 1:] / np.where(positives[:, None] > 0, below, np.nan)


def _f(table: np.ndarray) -> np.ndarray:
    detected = _detected(table)
    positives = detected[:, 1, :1]
    # In terms of counts, F is 0 rather than 0/0 where no foreground pixel is detected.
    below = BETA_SQUARED * positives + detected[:, 0] + detected[:, 1]
    return (1 + BETA_SQUARED) * detected[:, 1] / np.where(positives > 0, below, np.nan)


def _e(table: np.ndarray) -> np.ndarray:
    detected = _detected(table).astype(np.float64)
    false, true = detected[:, 0], detected[:, 1]
    negatives, positives = false[:, :1], true[:, :1]
    pixels = negatives + positives
    mean_map, mean_mask = (false + true) / pixels, positives / pixels

    def summed(number: np.ndarray, value: int, label: int) -> np.ndarray:
        """Sum over pixels with one value of the binary map and one label, which are all equal."""
        d, g = value - mean_map, label - mean_mask
        alignment = 2 * d * g / (d**2 + g**2 + np.spacing(1))
        return number * (alignment + 1) ** 2 / 4

    total = summed(true, 1, 1) + summed(false, 1, 0)
    total = total + summed(positives - true, 0, 1) + summed(negatives - false, 0, 0)
    total = np.where(positives == 0, pixels - false, total)
    total = np.where(negatives == 0, true, total)
    return total / np.maximum(pixels - 1 + np.spacing(1), 1)
