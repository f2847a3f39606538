"""Recalibration without a parametric form: isotonic regression and histogram binning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import clipped_logits, grey_level_logits, pixels_to_fit
from aslp_lib.recalibration.base import IDENTITY, Recalibration, as_float32


@dataclass(frozen=True)
class Isotonic(Recalibration):
    """Isotonic regression (Zadrozny & Elkan, KDD 2002): the rising function of the grey level of
    least squared error to the labels, which has the least NLL too.

    It is a staircase of levels, straight in logits from one step to the next; beyond its ends it
    is constant. Pixels keep their order, but for ties; decisions move to where the share of
    foreground passes 1/2.

    >>> import torch
    >>> Isotonic((-2.0, 2.0), (-1.0, 0.0)).apply(torch.tensor([-9.0, 0.0, 2.0]))
    tensor([-1.0000, -0.5000,  0.0000])
    """

    name = "isotonic"
    label = "isotonic"
    preserves_decisions = False

    logits: tuple[float, ...] = ()
    """Where the steps begin and end, rising; none: nothing is changed."""
    values: tuple[float, ...] = ()
    """What they become, as many, not falling."""

    def __post_init__(self) -> None:
        knots = as_float32("logit of a step", *self.logits)
        values = as_float32("value of a step", *self.values)
        if knots.shape != values.shape or len(knots) == 1:
            raise ValueError(
                f"there are {len(knots)} logits and {len(values)} values, but must be as many of "
                "each, two or more"
            )
        if not ((np.diff(knots) > 0).all() and (np.diff(values) >= 0).all()):
            raise ValueError("logits must rise and values not fall, in single precision")

    def minimise(self, counts: Counts) -> Self:
        """Pool adjacent violators among the counts' levels, each weighted by its pixels.

        Where all pixels of a level belong to one class, their share of foreground is 0 or 1. It is
        clipped as `grey_level_logits` clips the ends, so that logits are finite. The clipped
        function still has the least NLL of all non-decreasing functions in that range.

        Raises:
            ValueError: as `pixels_to_fit`.
        """
        from scipy.optimize import isotonic_regression

        background, foreground = pixels_to_fit(counts)
        pixels, levels = background + foreground, counts.grey_levels
        there = np.flatnonzero(pixels)
        share = isotonic_regression(foreground[there] / pixels[there], weights=pixels[there]).x
        # Levels beyond the outermost that have pixels are as these.
        at, which = np.unique([0, *there, levels - 1], return_index=True)
        values = np.pad(clipped_logits(share, levels), 1, mode="edge")[which]
        rises = np.diff(values) > 0
        end = np.concatenate([[True], rises[:-1] | rises[1:], [True]])  # of a step: others add none
        knots = grey_level_logits(levels)[at]
        return type(self)(tuple(knots[end].tolist()), tuple(values[end].tolist()))

    def apply(self, logits: Tensor) -> Tensor:
        """The staircase, in the logits' precision; NaN stays NaN."""
        if not len(self.logits):
            return logits
        z = logits.to(torch.promote_types(logits.dtype, torch.float32))
        knots, values = (_as_tensor(each, z) for each in (self.logits, self.values))
        right = torch.bucketize(z, knots).clamp(1, len(knots) - 1)
        share = (z - knots[right - 1]) / (knots[right] - knots[right - 1])
        changed = torch.lerp(values[right - 1], values[right], share.clamp(0, 1))
        return changed.to(logits.dtype)

    def describe(self) -> str:
        if not self.logits:
            return IDENTITY
        steps = len(set(self.values))
        return f"{steps} steps" if steps != 1 else "one step"


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
        edges = as_float32("edge of a bin", *self.edges)
        as_float32("value of a bin", *self.values)
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
        empty. A share of 0 or 1 is clipped as `grey_level_logits` clips the ends.

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
        z = grey_level_logits(levels)
        edges = (z[last] + z[last + 1]) / 2
        values = clipped_logits(share, levels)
        return replace(self, edges=tuple(edges.tolist()), values=tuple(values.tolist()))

    def apply(self, logits: Tensor) -> Tensor:
        """The bins' values, in the logits' precision; NaN stays NaN."""
        if not len(self.values):
            return logits
        z = logits.to(torch.promote_types(logits.dtype, torch.float32))
        edges, values = (_as_tensor(each, z) for each in (self.edges, self.values))
        changed = values[torch.bucketize(z, edges)]
        return torch.where(z.isnan(), z, changed).to(logits.dtype)

    def identity(self) -> Self:
        return type(self)(self.bins)

    def describe(self) -> str:
        return IDENTITY if not self.values else f"{len(self.values)} bins"


def _as_tensor(numbers: tuple[float, ...] | Tensor, like: Tensor) -> Tensor:
    """Numbers of a recalibration, or the buffer that `Recalibrated` has for them."""
    return torch.as_tensor(numbers, dtype=like.dtype, device=like.device)
