"""Any rising function of the logit."""

from __future__ import annotations

from dataclasses import dataclass
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
        knots = in_single_precision("logit of a step", *self.logits)
        values = in_single_precision("value of a step", *self.values)
        if knots.shape != values.shape or len(knots) == 1:
            raise ValueError(
                f"there are {len(knots)} logits and {len(values)} values, but must be as many of "
                "each, two or more"
            )
        if not ((np.diff(knots) > 0).all() and (np.diff(values) >= 0).all()):
            raise ValueError("logits must rise and values not fall, in single precision")

    def minimise(self, counts: Counts) -> Self:
        """Pool adjacent violators among the counts' levels, each weighted by its pixels.

        A level's share of foreground is 0 or 1 where all pixels are of one class (of the whole set,
        if there is no other): it is clipped as `level_logits` clips the ends, so that logits are
        finite. So clipped it still has the least NLL of all rising functions in that range.

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
        knots = level_logits(levels)[at]
        return type(self)(tuple(knots[end].tolist()), tuple(values[end].tolist()))

    def apply(self, logits: Tensor) -> Tensor:
        """The staircase, in the logits' precision; NaN stays NaN."""
        if not self.logits:
            return logits
        z = logits.to(torch.promote_types(logits.dtype, torch.float32))
        knots, values = (z.new_tensor(each) for each in (self.logits, self.values))
        right = torch.bucketize(z, knots).clamp(1, len(knots) - 1)
        share = (z - knots[right - 1]) / (knots[right] - knots[right - 1])
        changed = torch.lerp(values[right - 1], values[right], share.clamp(0, 1))
        return changed.to(logits.dtype)

    def describe(self) -> str:
        if not self.logits:
            return IDENTITY
        steps = len(set(self.values))
        return f"{steps} steps" if steps != 1 else "one step"
