"""Sums over the fields of view of a test set, and numbers as text."""

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
    errors = sums.confidence - sums.positive
    return member @ sums.pixels[:, 5:], member @ errors[:, 5:]


def percent(*values: float) -> str:
    """Format a share, or the ends of an interval.

    >>> percent(0.044, 0.067)
    '4.4 to 6.7 %'
    """
    return " to ".join(f"{100 * value:.1f}" for value in values) + " %"


def points(*values: float) -> str:
    """Format a difference of shares, or the ends of its interval.

    >>> points(-0.012, 0.03)
    '-1.2 to +3.0 points'
    """
    return " to ".join(f"{100 * value:+z.1f}" for value in values) + " points"
