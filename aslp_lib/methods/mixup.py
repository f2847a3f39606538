"""mixup (Zhang et al., ICLR 2018): train on convex mixtures of two images and of their labels.

For calibration: Thulasidasan et al. (NeurIPS 2019). Masks are mixed as images are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method


@dataclass(frozen=True)
class MixupOptions:
    """mixup."""

    alpha: float = 0.2
    """Of Beta(alpha, alpha), which an image's share is drawn from: small ones hardly mix, 1 mixes
    uniformly."""

    def __post_init__(self) -> None:
        check_alpha(self.alpha)


class Mixup(Method[MixupOptions]):
    """BCE of `s x + (1 - s) x'` with the label `s y + (1 - s) y'`, `s ~ Beta(alpha, alpha)` of each
    image's own, x' the image before x in the batch."""

    name, label = "mixup", "mixup"
    Options = MixupOptions

    def prepare(
        self, images: Tensor, labels: Tensor, index: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        return mixed(images, labels, self.options.alpha, draws)

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")


def mixed(images: Tensor, labels: Tensor, alpha: float, draws: Draws) -> tuple[Tensor, Tensor]:
    """A batch's images, now float in [0, 1], and labels, each mixed with its partner's."""
    # torch draws from Beta by its global generator alone.
    shares = [np.random.default_rng(draws.seed(i)).beta(alpha, alpha) for i in draws.images]
    share = torch.tensor(shares, dtype=torch.float32).view(-1, 1, 1, 1)
    share = share.to(images.device, non_blocking=True)
    others, their_labels = draws.partners(images), draws.partners(labels)
    return (
        (share * images + (1 - share) * others) / 255,
        share * labels + (1 - share) * their_labels,
    )


def check_alpha(alpha: float) -> None:
    """Raise ValueError if there is no Beta(alpha, alpha)."""
    if not (math.isfinite(alpha) and alpha > 0):
        raise ValueError(f"alpha is {alpha}, but must be finite and positive")
