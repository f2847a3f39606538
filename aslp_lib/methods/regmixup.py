"""RegMixup (Pinto et al., NeurIPS 2022): mixup as a term beside the images' own loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method
from aslp_lib.methods.mixup import check_alpha, mixed


@dataclass(frozen=True)
class RegMixupOptions:
    """RegMixup."""

    alpha: float = 10.0
    """Of Beta(alpha, alpha): large ones mix by halves, far from any image."""
    weight: float = 1.0
    """eta: what a mixture's loss counts beside an image's."""

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ValueError(f"weight is {self.weight}, but must be finite and not negative")


class RegMixup(Method[RegMixupOptions]):
    """`BCE(f(x), y) + eta * BCE(f(x~), y~)`, where (x~, y~) is mixup's of x.

    The network sees images and mixtures in one batch twice as large, at twice the cost.
    """

    name, label = "regmixup", "RegMixup"
    Options = RegMixupOptions

    def prepare(
        self, images: Tensor, labels: Tensor, index: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        mixtures, their_labels = mixed(images, labels, self.options.alpha, draws)
        return torch.cat([images.float() / 255, mixtures]), torch.cat([labels, their_labels])

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        bce = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return bce[: len(index)].sum() + self.options.weight * bce[len(index) :].sum()
