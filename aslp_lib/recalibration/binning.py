"""Non-parametric recalibration: isotonic regression and histogram binning."""

from typing import Self

import numpy as np
import torch
from torch import Tensor

from aslp_lib.checks import require
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import clipped_logits, pixels_to_fit
from aslp_lib.recalibration.recalibration import LARGEST, CorruptedSets, Parameter, Recalibration


class Isotonic(Recalibration):
    """Isotonic regression: `p' = g(p)` with the non-decreasing g of least squared error.

    The same g also minimises the NLL. It is a step function of the levels of the validation set.
    Between two steps, logits are interpolated linearly; beyond the outermost steps, g is constant.
    The order of pixels is preserved except for ties. The decision threshold moves to the point
    where the frequency of foreground crosses 1/2.

    Source: Zadrozny & Elkan, KDD 2002.

    >>> Isotonic((-2.0, 2.0), (-1.0, 0.0))(torch.tensor([-9.0, 0.0, 2.0]))
    tensor([-1.0000, -0.5000,  0.0000])

    The frequencies of foreground are 1/2 at p = 0.2, 0 at p = 0.4 and 2/3 at p = 0.8. Since the
    first two decrease, they are pooled to 1/3:

    >>> grey_levels, labels = [51, 51, 102, 204, 204, 204], [1, 0, 0, 1, 1, 0]
    >>> counts = Counts.from_map(np.uint8([grey_levels]), np.uint8([labels]))
    >>> Isotonic().fit(counts)(torch.tensor([0.2, 0.4, 0.8]).logit()).sigmoid()
    tensor([0.3333, 0.3333, 0.6667])
    """

    name, label = "isotonic", "isotonic"

    logits: Tensor
    """Logits at which steps begin and end, strictly increasing; empty for the identity."""
    values: Tensor
    """Recalibrated logits of `logits`, non-decreasing."""

    def __init__(self, logits: Parameter = (), values: Parameter = ()) -> None:
        super().__init__(logits=logits, values=values)

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Pool adjacent violators among the levels, weighted by their pixels.

        If all pixels of a step belong to one class, its frequency of foreground is 0 or 1. It is
        clipped at half a grey level, see `grey_levels.clipped_logits`. The clipped function
        minimises the NLL over all non-decreasing functions with values in that range.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        from scipy.optimize import isotonic_regression

        background, foreground = pixels_to_fit(clean)
        pixels, grey_levels = background + foreground, clean.grey_levels
        filled = np.flatnonzero(pixels)
        share = isotonic_regression(foreground[filled] / pixels[filled], weights=pixels[filled]).x
        values = clipped_logits(share, grey_levels)
        # Only the ends of steps are stored. Knots inside a step do not change the function.
        rises = np.flatnonzero(np.diff(values))
        first, last = filled[[0, *(rises + 1)]], filled[[*rises, -1]]
        first[0], last[-1] = 0, len(pixels) - 1
        low, high = clean.mean_logits[first], clean.mean_logits[last]
        if clean.levels is not None:  # whose pixels lie around the mean
            low[1:], high[:-1] = clean.edges[first[1:] - 1], clean.edges[last[:-1]]
            # Where steps meet, they must remain distinct in single precision.
            below = np.nextafter(low[1:].astype(np.float32), np.float32(-np.inf))
            high[:-1] = np.minimum(high[:-1], below)
        knots, index = np.unique(np.clip([low, high], -LARGEST, LARGEST), return_index=True)
        return type(self)(knots, np.tile(values[[0, *(rises + 1)]], 2)[index])

    def transform(self, logits: Tensor) -> Tensor:
        """Evaluate the step function, in the precision of the logits; NaN remains NaN."""
        knots, values = self.logits.to(logits), self.values.to(logits)
        right = torch.bucketize(logits.contiguous(), knots).clamp(1, len(knots) - 1)
        share = (logits - knots[right - 1]) / (knots[right] - knots[right - 1])
        return torch.lerp(values[right - 1], values[right], share.clamp(0, 1))

    def summary(self) -> str:
        """Return the number of steps."""
        steps = len(set(self.values.tolist()))
        return "one step" if steps == 1 else f"{steps} steps"


BINS = 15
"""Default number of bins of `Histogram`."""


class Histogram(Recalibration):
    """Histogram binning: `p' = frequency of foreground in the bin of p`.

    Bins contain approximately equal numbers of validation pixels, because pixels of one grey level
    share a bin. Values need not increase from bin to bin, so the order of pixels may change. Pixels
    of one bin become equal.

    Source: Zadrozny & Elkan, ICML 2001.

    >>> Histogram(edges=(0.5,), values=(-1.0, 2.0))(torch.tensor([-3.0, 0.4, 0.6]))
    tensor([-1., -1.,  2.])

    The frequency of foreground is 1/3 among the three pixels at p = 0.2 and p = 0.4, and 2/3 among
    those at p = 0.8:

    >>> grey_levels, labels = [51, 51, 102, 204, 204, 204], [1, 0, 0, 1, 1, 0]
    >>> counts = Counts.from_map(np.uint8([grey_levels]), np.uint8([labels]))
    >>> Histogram(bins=2).fit(counts)(torch.tensor([0.2, 0.4, 0.8]).logit()).sigmoid()
    tensor([0.3333, 0.3333, 0.6667])
    """

    name, label = "histogram", "histogram"

    bins: Tensor
    """Largest number of bins; fewer result if one grey level holds the pixels of several bins."""
    edges: Tensor
    """Logits between bins, strictly increasing; a logit on an edge is in the lower bin."""
    values: Tensor
    """Recalibrated logit of each bin, one more than edges; empty for the identity."""

    def __init__(
        self, bins: Parameter = BINS, edges: Parameter = (), values: Parameter = ()
    ) -> None:
        super().__init__(bins=bins, edges=edges, values=values)
        number, self.bins = self.bins.item(), self.bins.long()
        valid = number >= 1 and number == int(number)
        require("the number of bins", number, valid, "a whole number of 1 or more")

    def identity(self) -> Self:
        return type(self)(self.bins)

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Divide the levels into bins of equal mass, and compute their frequencies.

        Bin b of B ends with the level at which the cumulative share of pixels reaches `b / B`. A
        level that reaches several of these shares (such as 0 in a saturated map) ends a single bin,
        so that no bin is empty. Frequencies of 0 and 1 are clipped at half a grey level, see
        `grey_levels.clipped_logits`.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        background, foreground = pixels_to_fit(clean)
        grey_levels = clean.grey_levels
        below, bins = np.cumsum(background + foreground), int(self.bins)
        last = np.searchsorted(below, below[-1] * np.arange(1, bins) / bins)
        last = np.unique(last[below[last] < below[-1]])  # last level of each bin but the top
        start = np.concatenate([[0], last + 1])
        pixels = np.add.reduceat(background + foreground, start)
        share = np.add.reduceat(foreground, start) / pixels
        return type(self)(bins, clean.edges[last], clipped_logits(share, grey_levels))

    def transform(self, logits: Tensor) -> Tensor:
        """Look up the values of the bins, in the precision of the logits; NaN remains NaN."""
        edges, values = self.edges.to(logits), self.values.to(logits)
        changed = values[torch.bucketize(logits.contiguous(), edges)]
        return torch.where(logits.isnan(), logits, changed)

    def summary(self) -> str:
        """Return the number of bins that are used."""
        return f"{len(self.values)} bins"
