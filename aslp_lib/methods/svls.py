"""Spatially varying label smoothing, SVLS (Islam & Glocker, IPMI 2021): labels are soft at edges.

Annotators disagree at boundaries more than elsewhere; within objects labels stay as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method


@dataclass(frozen=True)
class SVLSOptions:
    """Spatially varying label smoothing."""

    sigma: float = 1.0
    """Of the Gaussian weights of a pixel's 8 neighbours, in pixels of the network's size."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma) and self.sigma >= 0.1):
            raise ValueError(f"sigma is {self.sigma}, but must be finite and at least 0.1")


class SVLS(Method[SVLSOptions]):
    """BCE with the target `sum_j w_j y_j / sum_j w_j` over a pixel's 3x3 neighbourhood.

    `w_j = exp(-d_j^2 / (2 sigma^2))` for a neighbour at distance d_j, and the centre weighs as much
    as its neighbours together: it keeps half of the target, as in the paper's kernel. Beyond the
    border labels are the border's (replicate padding). The paper smooths each class's one-hot map;
    weights that sum to 1 make the background's target 1 minus the foreground's, so that one is
    enough. A pixel that no neighbour shares its label with has the target 1/2.
    """

    name, label = "svls", "SVLS"
    Options = SVLSOptions

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        targets = smoothed(labels, self.options.sigma)
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")


def smoothed(labels: Tensor, sigma: float) -> Tensor:
    """The targets of labels (N, 1, H, W)."""
    height, width = labels.shape[-2:]
    padded = F.pad(labels, (1, 1, 1, 1), mode="replicate")
    # Sums, as a convolution may be rounded to fewer digits on a GPU.
    targets = torch.zeros_like(labels)
    for (i, j), weight in neighbour_weights(sigma).items():
        targets += weight * padded[..., i : i + height, j : j + width]
    return targets.clamp(0, 1)  # rounded weights may sum to a little more than 1


def neighbour_weights(sigma: float) -> dict[tuple[int, int], float]:
    """(row, column) in the 3x3 neighbourhood -> weight; they sum to 1, the middle one is 1/2."""
    weights = {
        (i, j): math.exp(-((i - 1) ** 2 + (j - 1) ** 2) / (2 * sigma**2))
        for i in range(3)
        for j in range(3)
        if (i, j) != (1, 1)
    }
    whole = 2 * sum(weights.values())
    return {(1, 1): 0.5} | {place: weight / whole for place, weight in weights.items()}
