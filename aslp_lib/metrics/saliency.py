"""Saliency metrics of binary maps: each image's own score, then the mean over images.

Conventions are PySODMetrics', but for two: maps are taken as they are, never min-max normalised;
and F, which an image without foreground does not have, is the mean over the images with some (there
such an image counts as F = 0).
"""

from __future__ import annotations

import numpy as np

from aslp_lib.metrics.counts import Counts

BETA_SQUARED = 0.3


def mae(counts: Counts) -> float:
    """Mean absolute error, `mean_i mean_pixels |p - y|`, in [0, 1]."""
    p = counts.probabilities
    error = counts.table[:, 0] @ p + counts.table[:, 1] @ (1 - p)
    return float(np.mean(error / counts.table.sum(axis=(1, 2))))


def f_curve(counts: Counts) -> np.ndarray:
    """(levels,) F at every threshold, mean over images; entry v predicts foreground at `>= v`.

    `F = (1 + b) * P * R / (b * P + R)`, b = 0.3 (Achanta et al., CVPR 2009); 0 where nothing is
    found. NaN if no image has foreground.
    """
    table = counts.table[counts.table[:, 1].any(axis=1)]
    if not len(table):
        return np.full(counts.levels, np.nan)
    found = table[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    false_positive, true_positive = found[:, 0], found[:, 1]
    positives = true_positive[:, :1]
    # The same F, written so that it is 0 and not 0/0 where no foreground pixel is found.
    bottom = BETA_SQUARED * positives + true_positive + false_positive
    return ((1 + BETA_SQUARED) * true_positive / bottom).mean(axis=0)


def max_f(counts: Counts) -> float:
    """Largest value of the mean F curve, in [0, 1]; NaN as there."""
    return float(f_curve(counts).max())


def mean_f(counts: Counts) -> float:
    """Mean of the F curve over thresholds, in [0, 1]; NaN as there."""
    return float(f_curve(counts).mean())
