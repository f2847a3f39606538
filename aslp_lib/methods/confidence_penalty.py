"""The confidence penalty (Pereyra et al., ICLR workshop 2017): uncertain predictions cost less."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method


@dataclass(frozen=True)
class ConfidencePenaltyOptions:
    """The confidence penalty."""

    beta: float = 0.1
    """Nats of BCE that a nat of the prediction's entropy is worth."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.beta) and self.beta >= 0):
            raise ValueError(f"beta is {self.beta}, but must be finite and not negative")


class ConfidencePenalty(Method[ConfidencePenaltyOptions]):
    """`BCE - beta * H(f)`, `H(f) = -f log f - (1 - f) log(1 - f)`: up to a constant, BCE plus
    `beta * KL(f || 1/2)`, where label smoothing has the KL the other way round."""

    name, label = "confidence_penalty", "confidence penalty"
    Options = ConfidencePenaltyOptions

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        bce = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        return bce - self.options.beta * entropy(logits).sum()


def entropy(logits: Tensor) -> Tensor:
    """Of the Bernoulli distribution of each logit, in nats."""
    # Of z or of -z alike; so no large numbers cancel.
    size = logits.abs()
    return F.softplus(-size) + size * torch.sigmoid(-size)
