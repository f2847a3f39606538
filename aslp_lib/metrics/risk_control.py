"""Conformal risk control: a threshold with a bound on the share of foreground that is missed."""

import math

import numpy as np

from aslp_lib.checks import require
from aslp_lib.metrics.counts import Counts


def missed_shares(counts: Counts) -> np.ndarray:
    """Return the share of the foreground below each grey level, shape (units, grey levels + 1).

    A unit is an image or a group of images, whose shares are averaged. The share of an image
    without foreground is 0.

    >>> image = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 1, 1, 0]]))
    >>> missed_shares(image)[0, [0, 51, 52, 205, 256]].round(2)
    array([0.  , 0.  , 0.33, 0.67, 1.  ])
    """
    foreground = counts.grey.table[:, 1]
    below = np.cumsum(foreground, axis=1) / np.maximum(foreground.sum(axis=1, keepdims=True), 1)
    of_images = np.pad(below, ((0, 0), (1, 0)))
    unit = counts.group_index
    totals = np.zeros((counts.independent, of_images.shape[1]))
    np.add.at(totals, unit, of_images)
    shares: np.ndarray = totals / np.bincount(unit)[:, None]
    return shares


def risk_control_threshold(counts: Counts, risk: float = 0.05) -> float:
    """Return the highest threshold at which a new image misses at most `risk` of its foreground.

    The bound is for the mean over calibration sets and new units: if the units of `counts` and a
    new one are exchangeable, and pixels with a probability of at least the threshold are taken for
    foreground, the expected share of its foreground that is missed is at most `risk`. With the mean
    share R(t) of n units at threshold t, it is the highest t with `(n R(t) + 1) / (n + 1) <= risk`.

    Source: Angelopoulos, Bates, Fisch, Lei & Schuster, Conformal risk control, ICLR 2024.

    >>> rng = np.random.default_rng(0)
    >>> maps = rng.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    >>> masks = (rng.random(maps.shape) < maps / 255).astype(np.uint8)
    >>> counts = Counts.from_maps(maps, masks)
    >>> threshold = risk_control_threshold(counts, risk=0.1)
    >>> missed = (maps / 255 < threshold) & (masks == 1)
    >>> bool(0.05 < (missed.sum((1, 2)) / masks.sum((1, 2))).mean() < 0.1)
    True

    Args:
        counts: counts of a calibration set that trained or selected nothing.
        risk: bound on the expected share, in (0, 1).

    Raises:
        ValueError: `risk` is out of range, or there are so few units that no threshold has the
            bound.
    """
    require("risk", risk, 0 < risk < 1, "a number between 0 and 1")
    units = counts.independent
    least = math.ceil(1 / risk - 1 - 1e-9)  # 1 / (1 / 49) rounds to more than 49
    expected = f"{least} or more for a risk of {risk:g}, because one new unit in {least} + 1 counts"
    require("the number of images or groups of images", units, units >= least, expected)
    bounds = (missed_shares(counts).sum(axis=0) + 1) / (units + 1)
    # Shares grow with the threshold, so that all levels up to the last one have the bound.
    level = np.flatnonzero(bounds <= risk + 1e-12)[-1]
    # Halfway between two grey levels: floats were rounded to the nearest.
    return float(max(level - 0.5, 0) / (counts.grey_levels - 1))
