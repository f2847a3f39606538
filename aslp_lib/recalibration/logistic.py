"""A slope and an offset for all pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from torch import Tensor

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, pixels_to_fit
from aslp_lib.recalibration.base import Recalibration, as_float32

STEPS = 100
"""Of Newton's method at most. Far from the minimum each moves a logit by log 2 or more."""
SMALLEST_STEP = 1e-12
"""Change of a logit at which Newton's method ends."""
SINGULAR = 1e-12
"""Share of the Hessian's largest eigenvalue below which another counts as 0."""


@dataclass(frozen=True)
class Logistic(Recalibration):
    """Platt scaling: `sigmoid(a z + b)` (Platt, Advances in Large Margin Classifiers, 1999).

    The offset moves the threshold: the share of foreground is mended too, at other decisions.

    >>> import torch
    >>> Logistic(0.5, 1.0).apply(torch.tensor([-3.0, 1.0]))
    tensor([-0.5000,  1.5000])
    """

    name = "logistic"
    label = "logistic"
    preserves_decisions = False

    slope: float = 1.0
    """a."""
    offset: float = 0.0
    """b."""

    def __post_init__(self) -> None:
        as_float32("slope", self.slope)
        as_float32("offset", self.offset)

    def minimise(self, counts: Counts) -> Self:
        """Regress the labels on the logits of grey levels, by Newton's method from a = 1, b = 0.

        As in Platt's paper, the targets are not 1 and 0 but `(N1 + 1) / (N1 + 2)` and
        `1 / (N0 + 2)` of N1 foreground and N0 background pixels. So the NLL, convex in a and b, has
        its minimum at finite numbers even where the logits separate the labels, or where there is
        one class alone: then a is near 0. Logits that say the contrary of the labels get a
        negative slope. Where many a and b are equally good, as of one grey level alone, each step
        is the shortest that Newton's equation allows.

        A step that changes logits by r at most is damped by `log(1 + r) / r`, at which the NLL
        falls wherever the search stands (Bach, Electronic Journal of Statistics, 2010).

        Raises:
            ValueError: as `pixels_to_fit`.
        """
        background, foreground = pixels_to_fit(counts)
        total = background.sum() + foreground.sum()
        each = (background + foreground) / total
        target = (
            background / (background.sum() + 2)
            + foreground * (foreground.sum() + 1) / (foreground.sum() + 2)
        ) / total
        z = grey_level_logits(counts.grey_levels)
        inputs = np.stack([z, np.ones_like(z)])
        found = np.array([1.0, 0.0])
        for _ in range(STEPS):
            f = np.exp(-np.logaddexp(0, -(found @ inputs)))
            gradient = inputs @ (each * f - target)
            hessian = (inputs * (each * f * (1 - f))) @ inputs.T
            step = np.linalg.lstsq(hessian, -gradient, rcond=SINGULAR)[0]
            change = np.abs(step @ inputs)[each > 0].max()
            if change < SMALLEST_STEP:
                break
            found += step * np.log1p(change) / change
        return type(self)(*found.tolist())

    def apply(self, logits: Tensor) -> Tensor:
        """`a z + b`."""
        return self.slope * logits + self.offset

    def describe(self) -> str:
        return f"slope {self.slope:.3f}, offset {self.offset:+.3f}"
