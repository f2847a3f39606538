"""Label smoothing (Szegedy et al., CVPR 2016): every label is always a little uncertain."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method


@dataclass(frozen=True)
class LabelSmoothingOptions:
    """Label smoothing."""

    epsilon: float = 0.1
    """Share of the label that goes to both classes alike, in [0, 1]: a target is epsilon/2 or
    1 - epsilon/2."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.epsilon <= 1.0:
            raise ValueError(f"epsilon is {self.epsilon}, but must be a share in [0, 1]")


class LabelSmoothing(Method[LabelSmoothingOptions]):
    """BCE with the target `(1 - epsilon) * y + epsilon/2`: of ASLP's family the constant member,
    alpha = 1 and beta = epsilon."""

    name, label = "label_smoothing", "label smoothing"
    Options = LabelSmoothingOptions

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        epsilon = self.options.epsilon
        targets = (1 - epsilon) * labels + epsilon / 2
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
