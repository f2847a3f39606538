"""Cost-sensitive decisions based on predicted probabilities: check a pixel by hand, or skip it."""

from typing import NamedTuple

import numpy as np
import pandas

from aslp_lib.metrics.counts import Counts

COSTS = np.arange(11, 501) / 10
"""Costs of a miss from just above that of a check to 50, in units of one check."""


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


def bills(counts: Counts) -> pandas.DataFrame:
    """Compute the bill at each cost of a miss in `COSTS`, beside that of checking nothing.

    Checking everything costs 1 per pixel, whatever a miss costs. Together, the two are the bill of
    a laboratory that has no network, so that a network is worth having only below both.

    Args:
        counts: counts of a set.

    Returns:
        A row for each cost of a miss, with the fields of `Bill` and the column "nothing".

    >>> table = bills(Counts.from_map(np.uint8([[255, 51, 51, 0]]), np.uint8([[1, 1, 0, 0]])))
    >>> table.loc[[4, 10]]  # from a miss of 5 on, the two pixels of P(y=1) = 0.2 are checked, too
          expected  paid  checked  nothing
    4.0       0.65  1.25     0.25      2.0
    10.0      0.75  0.75     0.75      5.0
    """
    pooled = counts.as_one_image()  # adds the images once, not at each cost
    table = pandas.DataFrame([bill(pooled, miss) for miss in COSTS], index=COSTS)
    return table.assign(nothing=COSTS * pooled.pooled[1].sum() / pooled.pixels)
