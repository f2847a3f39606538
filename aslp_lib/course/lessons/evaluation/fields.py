"""Sums over the fields of view of a test set."""

import numpy as np

from aslp_lib.metrics.calibration import image_bins
from aslp_lib.metrics.counts import Counts


def by_field(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Add up the pixels of each field of view in the five bins of confidence above 1/2.

    Returns:
        Number of pixels, and sum of their confidences minus number of correct pixels, each of shape
        (fields, 5).
    """
    sums = image_bins(counts)
    member = np.arange(counts.independent)[:, None] == counts.group_index
    return member @ sums.pixels[:, 5:], member @ (sums.confidence - sums.positive)[:, 5:]
