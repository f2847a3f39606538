"""A constant for each bin of logits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration.base import (
    IDENTITY,
    Recalibration,
    clipped_logits,
    in_single_precision,
    level_logits,
    pixels_to_fit,
)

BINS = 15


@dataclass(frozen=True)
class Histogram(Recalibration):
    """Histogram binning (Zadrozny & Elkan, ICML 2001): each logit becomes that of the share of
    foreground in its bin.

    Bins hold equally many validation pixels, as nearly as whole grey levels allow. Nothing makes
    the values rise from bin to bin, so pixels may change their order, and within a bin they lose
    it.

    >>> import torch
    >>> Histogram(edges=(0.5,), values=(-1.0, 2.0)).apply(torch.tensor([-3.0, 0.4, 0.6]))
    tensor([-1., -1.,  2.])
    """

    name = "histogram"
    label = "histogram"
    preserves_decisions = False

    bins: int = BINS
    """At most so many: where a single level holds more than a bin's share there are fewer."""
    edges: tuple[float, ...] = ()
    """Logits between bins, rising; one that lies on an edge is in the lower bin."""
    values: tuple[float, ...] = ()
    """The logit of each bin, one more than edges; none: nothing is changed."""

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise ValueError(f"there are {self.bins} bins, but must be 1 or more")
        edges = in_single_precision("edge of a bin", *self.edges)
        in_single_precision("value of a bin", *self.values)
        filled = len(self.values)
        if (edges.size or filled) and not (len(edges) + 1 == filled <= self.bins):
            raise ValueError(
                f"there are {len(edges)} edges and {filled} values of at most {self.bins} bins, "
                "but must be one edge less than values"
            )
        if not (np.diff(edges) > 0).all():
            raise ValueError("the edges of bins must rise, in single precision")

    def minimise(self, counts: Counts) -> Self:
        """Cut the counts' levels into bins of equal mass.

        Bin b of B ends with the level at which `b / B` of all pixels are reached. Levels that
        reach several of these at once (of sure background, say) end a single bin, so that none is
        empty. A share of 0 or 1 is clipped as `level_logits` clips the ends.

        Raises:
            ValueError: as `pixels_to_fit`.
        """
        background, foreground = pixels_to_fit(counts)
        levels = counts.grey_levels
        below = np.cumsum(background + foreground)
        last = np.searchsorted(below, below[-1] * np.arange(1, self.bins) / self.bins)
        last = np.unique(last[below[last] < below[-1]])  # of each bin but the uppermost
        start = np.concatenate([[0], last + 1])
        pixels = np.add.reduceat(background + foreground, start)
        share = np.add.reduceat(foreground, start) / pixels
        z = level_logits(levels)
        edges = (z[last] + z[last + 1]) / 2
        values = clipped_logits(share, levels)
        return replace(self, edges=tuple(edges.tolist()), values=tuple(values.tolist()))

    def apply(self, logits: Tensor) -> Tensor:
        """The bins' values, in the logits' precision; NaN stays NaN."""
        if not self.values:
            return logits
        z = logits.to(torch.promote_types(logits.dtype, torch.float32))
        bins = torch.bucketize(z, z.new_tensor(self.edges))
        changed = z.new_tensor(self.values)[bins]
        return torch.where(z.isnan(), z, changed).to(logits.dtype)

    def identity(self) -> Self:
        return type(self)(self.bins)

    def describe(self) -> str:
        return IDENTITY if not self.values else f"{len(self.values)} bins"
