"""Cost-sensitive decisions based on predicted probabilities: check a pixel by hand, or skip it."""

from typing import NamedTuple

from aslp_lib.metrics.counts import Counts


class Bill(NamedTuple):
    """Costs per pixel, in units of one check."""

    expected: float
    """Cost if each pixel is foreground with its predicted probability."""
    paid: float
    """Cost under the true labels."""


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
    background, foreground = counts.pooled
    p, pixels = counts.probabilities, background + foreground
    unchecked = miss * p <= 1
    checks = pixels[~unchecked].sum()
    return Bill(
        expected=float(checks + miss * (pixels * p)[unchecked].sum()) / counts.pixels,
        paid=float(checks + miss * foreground[unchecked].sum()) / counts.pixels,
    )
