"""Focal loss (Lin et al., ICCV 2017) against overconfidence (Mukhoti et al., NeurIPS 2020).

It weights a pixel by how wrong the network still is, so that correct and confident pixels hardly
contribute. FLSD-53 is the variant whose gamma depends on the pixel's confidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method, NoOptions


@dataclass(frozen=True)
class FocalOptions:
    """Focal loss."""

    gamma: float = 2.0
    """How fast a pixel's weight falls as it is learned; 0 is plain BCE."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.gamma) and self.gamma >= 0):
            raise ValueError(f"gamma is {self.gamma}, but must be finite and not negative")


class Focal(Method[FocalOptions]):
    """`(1 - q)^gamma * -log q`, where q is the probability of the pixel's label."""

    name, label = "focal", "focal loss"
    Options = FocalOptions

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        return focal_loss(logits, labels, self.options.gamma)


def focal_loss(logits: Tensor, labels: Tensor, gamma: Tensor | float) -> Tensor:
    """`(1 - q)^gamma * BCE`, summed over pixels; of a soft label q is the likelier class's.

    Args:
        gamma: one for all pixels, or one a pixel.
    """
    bce = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    # log(1 - q): its gradient is finite also where 1 - q rounds to 0, unlike a power's.
    log_wrong = F.logsigmoid(-true_class_logit(logits, labels))
    return (torch.exp(gamma * log_wrong) * bce).sum()


def true_class_logit(logits: Tensor, labels: Tensor) -> Tensor:
    """The logit of q, the probability of the pixel's label: z where that is foreground, else -z."""
    return torch.where(labels > 0.5, logits, -logits)


THRESHOLD = 0.2
UNSURE_GAMMA, SURE_GAMMA = 5.0, 3.0
"""Below the threshold, and from it on: the paper's choice, which the name holds."""


class FLSD53(Method[NoOptions]):
    """`(1 - q)^gamma * -log q`, gamma 5 where the label's probability q is below 0.2, else 3.

    Gamma is a constant of each step: no gradient goes through the choice.
    """

    name, label = "flsd_53", "FLSD-53"

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        unsure = torch.sigmoid(true_class_logit(logits, labels)) < THRESHOLD
        gamma = torch.where(unsure, UNSURE_GAMMA, SURE_GAMMA)
        return focal_loss(logits, labels, gamma)
