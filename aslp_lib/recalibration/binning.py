"""Non-parametric recalibration: isotonic regression and histogram binning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from aslp_lib.checks import require, short_repr
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import clipped_logits, grey_level_logits, pixels_to_fit
from aslp_lib.recalibration.base import (
    IDENTITY,
    Recalibration,
    as_float32,
    as_floats,
    at_least_float32,
)


@dataclass(frozen=True)
class Isotonic(Recalibration):
    """Isotonic regression: `p' = g(p)` with the non-decreasing g of least squared error.

    The same g also minimises the NLL. It is a step function of the grey levels of the validation
    set. Between two steps, logits are interpolated linearly; beyond the outermost steps, g is
    constant. The order of pixels is preserved except for ties. The decision threshold moves to the
    point where the frequency of foreground crosses 1/2.

    Source: Zadrozny & Elkan, KDD 2002.

    >>> Isotonic((-2.0, 2.0), (-1.0, 0.0)).apply(torch.tensor([-9.0, 0.0, 2.0]))
    tensor([-1.0000, -0.5000,  0.0000])

    The frequencies of foreground are 1/2 at p = 0.2, 0 at p = 0.4 and 2/3 at p = 0.8. Since the
    first two decrease, they are pooled to 1/3:

    >>> grey_levels, labels = [51, 51, 102, 204, 204, 204], [1, 0, 0, 1, 1, 0]
    >>> counts = Counts.from_map(np.uint8([grey_levels]), np.uint8([labels]))
    >>> Isotonic().fit(counts).apply(torch.tensor([0.2, 0.4, 0.8]).logit()).sigmoid()
    tensor([0.3333, 0.3333, 0.6667])
    """

    name = "isotonic"
    label = "isotonic"
    preserves_decisions = False

    logits: tuple[float, ...] = ()
    """Logits at which steps begin and end, strictly increasing; empty for the identity."""
    values: tuple[float, ...] = ()
    """Recalibrated logits of `logits`, non-decreasing."""

    def __post_init__(self) -> None:
        knots = as_float32("logit of a step", *self.logits)
        values = as_float32("value of a step", *self.values)
        if knots.shape != values.shape or len(knots) == 1:
            raise ValueError(
                f"the numbers of logits and values are wrong: {len(knots)} logits and "
                f"{len(values)} values; expected the same number of each, 0 or at least 2."
            )
        if not ((np.diff(knots) > 0).all() and (np.diff(values) >= 0).all()):
            raise ValueError(
                f"the steps are not monotone in float32: logits {short_repr(self.logits)}, values "
                f"{short_repr(self.values)}; expected increasing logits and non-decreasing values."
            )

    def minimise(self, counts: Counts) -> Self:
        """Pool adjacent violators among the grey levels, weighted by their pixels.

        If all pixels of a step belong to one class, its frequency of foreground is 0 or 1. It is
        clipped to the range of `grey_level_logits`, so that logits are finite. The clipped function
        minimises the NLL over all non-decreasing functions with values in that range.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        from scipy.optimize import isotonic_regression

        background, foreground = pixels_to_fit(counts)
        pixels, grey_levels = background + foreground, counts.grey_levels
        filled = np.flatnonzero(pixels)
        share = isotonic_regression(foreground[filled] / pixels[filled], weights=pixels[filled]).x
        # Grey levels beyond the outermost filled ones receive the values of these.
        grey, index = np.unique([0, *filled, grey_levels - 1], return_index=True)
        values = np.pad(clipped_logits(share, grey_levels), 1, mode="edge")[index]
        rises = np.diff(values) > 0
        # Only the ends of steps are stored. Knots inside a step do not change the function.
        end = np.concatenate([[True], rises[:-1] | rises[1:], [True]])
        knots = grey_level_logits(grey_levels)[grey]
        return type(self)(tuple(knots[end].tolist()), tuple(values[end].tolist()))

    def apply(self, logits: Tensor) -> Tensor:
        """Evaluate the step function, in the precision of the logits; NaN remains NaN."""
        logits = as_floats(logits)
        if not len(self.logits):
            return logits
        z, knots, values = at_least_float32(logits, self.logits, self.values)
        right = torch.bucketize(z.contiguous(), knots).clamp(1, len(knots) - 1)
        share = (z - knots[right - 1]) / (knots[right] - knots[right - 1])
        changed = torch.lerp(values[right - 1], values[right], share.clamp(0, 1))
        return changed.to(logits.dtype)

    def describe(self) -> str:
        """Return the number of steps."""
        steps = len(set(self.values))
        return {0: IDENTITY, 1: "one step"}.get(steps, f"{steps} steps")


BINS = 15
"""Default number of bins of `Histogram`."""


@dataclass(frozen=True)
class Histogram(Recalibration):
    """Histogram binning: `p' = frequency of foreground in the bin of p`.

    Bins contain approximately equal numbers of validation pixels, because pixels of one grey level
    share a bin. Values need not increase from bin to bin, so the order of pixels may change. Pixels
    of one bin become equal.

    Source: Zadrozny & Elkan, ICML 2001.

    >>> Histogram(edges=(0.5,), values=(-1.0, 2.0)).apply(torch.tensor([-3.0, 0.4, 0.6]))
    tensor([-1., -1.,  2.])

    The frequency of foreground is 1/3 among the three pixels at p = 0.2 and p = 0.4, and 2/3 among
    those at p = 0.8:

    >>> grey_levels, labels = [51, 51, 102, 204, 204, 204], [1, 0, 0, 1, 1, 0]
    >>> counts = Counts.from_map(np.uint8([grey_levels]), np.uint8([labels]))
    >>> Histogram(bins=2).fit(counts).apply(torch.tensor([0.2, 0.4, 0.8]).logit()).sigmoid()
    tensor([0.3333, 0.3333, 0.6667])
    """

    name = "histogram"
    label = "histogram"
    preserves_decisions = False

    bins: int = BINS
    """Largest number of bins; fewer result if one grey level holds the pixels of several bins."""
    edges: tuple[float, ...] = ()
    """Logits between bins, strictly increasing; a logit on an edge is in the lower bin."""
    values: tuple[float, ...] = ()
    """Recalibrated logit of each bin, one more than edges; empty for the identity."""

    def __post_init__(self) -> None:
        require("bins", self.bins, self.bins >= 1, "1 or more")
        edges = as_float32("edge of a bin", *self.edges)
        as_float32("value of a bin", *self.values)
        filled = len(self.values)
        if (edges.size or filled) and not (len(edges) + 1 == filled <= self.bins):
            raise ValueError(
                f"the numbers of edges and values are wrong: {len(edges)} edges and {filled} "
                f"values of at most {self.bins} bins; expected one edge fewer than values."
            )
        if not (np.diff(edges) > 0).all():
            raise ValueError(
                f"the edges of bins do not increase in float32: {short_repr(self.edges)}; expected "
                "increasing logits."
            )

    def minimise(self, counts: Counts) -> Self:
        """Divide the grey levels into bins of equal mass, and compute their frequencies.

        Bin b of B ends with the grey level at which the cumulative share of pixels reaches `b / B`.
        A grey level that reaches several of these shares (such as 0 in a saturated map) ends a
        single bin, so that no bin is empty. Frequencies of 0 and 1 are clipped to the range of
        `grey_level_logits`.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        background, foreground = pixels_to_fit(counts)
        grey_levels = counts.grey_levels
        below = np.cumsum(background + foreground)
        last = np.searchsorted(below, below[-1] * np.arange(1, self.bins) / self.bins)
        last = np.unique(last[below[last] < below[-1]])  # last grey level of each bin but the top
        start = np.concatenate([[0], last + 1])
        pixels = np.add.reduceat(background + foreground, start)
        share = np.add.reduceat(foreground, start) / pixels
        z = grey_level_logits(grey_levels)
        edges = (z[last] + z[last + 1]) / 2
        values = clipped_logits(share, grey_levels)
        return replace(self, edges=tuple(edges.tolist()), values=tuple(values.tolist()))

    def apply(self, logits: Tensor) -> Tensor:
        """Look up the values of the bins, in the precision of the logits; NaN remains NaN."""
        logits = as_floats(logits)
        if not len(self.values):
            return logits
        z, edges, values = at_least_float32(logits, self.edges, self.values)
        changed = values[torch.bucketize(z.contiguous(), edges)]
        return torch.where(z.isnan(), z, changed).to(logits.dtype)

    def identity(self) -> Self:
        """Return an unfitted instance with the same `bins`."""
        return type(self)(self.bins)

    def describe(self) -> str:
        """Return the number of bins that are used."""
        return IDENTITY if not self.values else f"{len(self.values)} bins"
