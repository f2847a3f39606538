"""MMCE (Kumar et al., ICML 2018): an image's calibration error by a kernel in the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method

SMALLEST = 1e-12
"""Of a squared error; below, the root has no gradient instead of an endless one."""


@dataclass(frozen=True)
class MMCEOptions:
    """MMCE."""

    weight: float = 2.0
    """lambda: nats a pixel that an MMCE of 1 costs."""
    width: float = 0.4
    """h of the kernel, in confidence; 0.4 is that of Mukhoti et al. (NeurIPS 2020)."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ValueError(f"weight is {self.weight}, but must be finite and not negative")
        if not (math.isfinite(self.width) and self.width >= 0.01):
            raise ValueError(f"width is {self.width}, but must be finite and at least 0.01")


class MMCE(Method[MMCEOptions]):
    """`BCE + lambda * MMCE`, per image,
    `MMCE^2 = 1/P^2 * sum_ij (c_i - r_i) (c_j - r_j) exp(-|r_i - r_j| / h)`.

    r is a pixel's confidence `max(f, 1 - f)`, c whether its decision is right (of a soft label, how
    far), a constant of each step. The sum is over all pairs of an image's P pixels, and exact: with
    this kernel, of numbers on a line, it takes a sort and a running sum instead of P^2 terms. To
    draw m pixels an image, as batches of images do, would be cheaper still, but add noise of order
    1/m to the squared error, and by the pairs i = j a bias of the mean of (c - r)^2 / m.
    """

    name, label = "mmce", "MMCE"
    Options = MMCEOptions

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        bce = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        right = torch.where(logits >= 0, labels, 1 - labels).flatten(1)
        confidence = torch.sigmoid(logits.abs()).flatten(1)
        squared = squared_mmce(confidence, right, self.options.width)
        error = squared.clamp(min=SMALLEST).sqrt().sum()
        return bce + self.options.weight * error * logits[0].numel()


def squared_mmce(confidence: Tensor, right: Tensor, width: float) -> Tensor:
    """(N,) of (N, pixels); rounding may leave it a little below 0."""
    r, order = confidence.sort(dim=1)
    off = right.gather(1, order) - r
    # In this order exp(-|r_i - r_j| / h) = exp(-r_i / h) exp(r_j / h) for all j before i.
    # Measured from the middle of the range of confidences, their squares stay in single precision.
    near = torch.exp((r - 0.75) / width)
    grown = off * near
    before = grown.cumsum(dim=1) - grown
    pairs = off.square() + 2 * off / near * before
    return pairs.sum(dim=1) / r.shape[1] ** 2
