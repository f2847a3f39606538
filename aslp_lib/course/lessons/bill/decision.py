"""Cost-sensitive decisions based on predicted probabilities: check a pixel by hand, or skip it."""

from typing import NamedTuple

import numpy as np

from aslp_lib.metrics.counts import Counts


class Bill(NamedTuple):
    """Costs per pixel, in units of one check."""

    expected: float
    """Cost if each pixel is foreground with its predicted probability."""
    paid: float
    """Cost under the true labels."""
    checked: float
    """Share of the pixels that are checked, which is the part of both bills that is certain."""


def bill(counts: Counts, miss: float) -> Bill:
    """Compute the cost of checking exactly those pixels for which a check is worth its cost.

    A checked pixel costs 1, an unchecked foreground pixel costs `miss`, and an unchecked background
    pixel costs nothing. A pixel is checked where `miss * P(y=1) > 1`. The threshold 1 / `miss` is
    optimal if the probabilities are calibrated (Elkan, *The Foundations of Cost-Sensitive
    Learning*, IJCAI 2001).

    Args:
        counts: counts of a set.
        miss: cost of an unchecked foreground pixel, more than 1.

    Raises:
        ValueError: `miss` is at most 1, the cost of a check, so that no check is worth its cost.
    """
    if not miss > 1:
        raise ValueError(f"miss is {miss}; expected more than 1, the cost of a check")
    p, pixels = counts.level_probabilities, counts.pooled
    unchecked = miss * p <= 1
    checks = pixels[~unchecked].sum()
    return Bill(
        expected=float(checks + miss * (pixels * p)[unchecked].sum()) / counts.pixels,
        paid=float(checks + miss * pixels[1][unchecked[1]].sum()) / counts.pixels,
        checked=float(checks) / counts.pixels,
    )


def lowest(counts: Counts, miss: float) -> float:
    """Compute the lowest bill per pixel of any threshold, instead of 1 / `miss`.

    It depends on the order of the predicted probabilities only. A laboratory that knows no labels
    does not know the threshold either, so that this is a bound and not a plan.

    >>> counts = Counts.from_map(np.uint8([[255, 51, 51, 0]]), np.uint8([[1, 1, 0, 0]]))
    >>> lowest(counts, miss=4)  # checks three pixels, and `bill` only one of them
    0.75

    Args:
        counts: counts of a set.
        miss: cost of an unchecked foreground pixel; a check costs 1.
    """
    background, foreground = counts.ranked
    unchecked = np.append(0, np.cumsum(background + foreground))  # those of the lowest P(y=1)
    missed = np.append(0, np.cumsum(foreground))
    return float((counts.pixels - unchecked + miss * missed).min()) / counts.pixels
