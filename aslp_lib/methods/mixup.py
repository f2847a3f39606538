"""mixup (Zhang et al., ICLR 2018): train on convex mixtures of two images and of their labels.

For calibration: Thulasidasan et al. (NeurIPS 2019). Masks are mixed as images are. RegMixup (Pinto
et al., NeurIPS 2022) adds the mixtures' loss to that of the images themselves.
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
