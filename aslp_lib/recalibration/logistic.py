"""A slope and an offset for all pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration.base import (
    Recalibration,
    in_single_precision,
    level_logits,
    pixels_to_fit,
)


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
        in_single_precision("slope", self.slope)
        in_single_precision("offset", self.offset)

    def fit(self, counts: Counts) -> Self:
        """Logistic regression of the labels on the counts' `level_logits`, by Newton's method.

        As in Platt's paper, the targets are not 1 and 0 but `(N1 + 1) / (N1 + 2)` and
        `1 / (N0 + 2)` of N1 foreground and N0 background pixels. So the NLL, convex in a and b, has
        its minimum at finite numbers even where the logits separate the labels, or where there is
        one class alone: then a is near 0. Logits that say the contrary of the labels get a
        negative slope.

        Raises:
            ValueError: as `pixels_to_fit`.
        """
        from scipy.optimize import minimize

        background, foreground = pixels_to_fit(counts)
        total = background.sum() + foreground.sum()
        each = (background + foreground) / total
        target = (
            background / (background.sum() + 2)
            + foreground * (foreground.sum() + 1) / (foreground.sum() + 2)
        ) / total
        z = level_logits(counts.grey_levels)
        inputs = np.stack([z, np.ones_like(z)])

        def sigmoid(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
            f: NDArray[np.float64] = np.exp(-np.logaddexp(0, -(parameters @ inputs)))
            return f

        def nll(parameters: NDArray[np.float64]) -> float:
            u = parameters @ inputs
            return float(each @ np.logaddexp(0, u) - target @ u)

        def gradient(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
            g: NDArray[np.float64] = inputs @ (each * sigmoid(parameters) - target)
            return g

        def hessian(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
            f = sigmoid(parameters)
            h: NDArray[np.float64] = (inputs * (each * f * (1 - f))) @ inputs.T
            return h

        start = np.array([1.0, 0.0])
        found = minimize(
            nll, start, method="trust-exact", jac=gradient, hess=hessian, options={"gtol": 1e-11}
        )
        return type(self)(*map(float, found.x))

    def apply(self, logits: Tensor) -> Tensor:
        """`a z + b`."""
        return self.slope * logits + self.offset

    def describe(self) -> str:
        return f"slope {self.slope:.3f}, offset {self.offset:+.3f}"
