"""Label smoothing (Szegedy et al., CVPR 2016): every label is moved towards 1/2."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method


@dataclass(frozen=True)
class LabelSmoothingOptions:
    """Label smoothing."""

    epsilon: float = 0.1
    """Share of the label that is divided equally between both classes, in [0, 1]. Targets are
    epsilon/2 and 1 - epsilon/2."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.epsilon <= 1.0:
            raise ValueError(f"epsilon is {self.epsilon}; expected a fraction in [0, 1]")


class LabelSmoothing(Method[LabelSmoothingOptions]):
    """BCE with the target `(1 - epsilon) * y + epsilon/2`.

    It equals label perturbation with alpha = 1 and beta = epsilon.
    """

    name, label = "label_smoothing", "label smoothing"
    Options = LabelSmoothingOptions

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        epsilon = self.options.epsilon
        targets = (1 - epsilon) * labels + epsilon / 2
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
