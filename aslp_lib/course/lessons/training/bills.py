"""Losses and bills of images at many temperatures."""

import numpy as np
from scipy.special import expit

from aslp_lib.metrics.counts import Counts


def by_temperature(counts: Counts, temperatures: np.ndarray, miss: float = 10) -> np.ndarray:
    """Compute the NLL, the plan and the paid bill of each image at each temperature, per pixel.

    Args:
        counts: images of one size.
        temperatures: the temperatures, shape (T,).
        miss: cost of an unchecked foreground pixel; a check costs 1.

    Returns:
        float64 of shape (3, T, images).
    """
    used = counts.pooled.any(axis=0)
    pixels = counts.table[:, :, used]  # images x labels x levels
    z = counts.logits[:, None, used] / temperatures[:, None]
    f, label = expit(z), np.array([0, 1])[:, None, None]
    loss = np.logaddexp(0, (1 - 2 * label) * z)
    plan, paid = (np.where(miss * f > 1, 1, miss * p) for p in (f, label))
    costs = np.stack([loss, plan, paid])  # of a pixel: labels x temperatures x levels
    return np.tensordot(costs, pixels, ([1, 3], [1, 2])) / pixels[0].sum()
