"""mixup (Zhang et al., ICLR 2018): train on convex combinations of two images and of their labels.

Thulasidasan et al. (NeurIPS 2019) study its effect on calibration. Here masks are mixed in the same
way as images. RegMixup (Pinto et al., NeurIPS 2022) adds the loss of the mixtures to that of the
original images.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aslp_lib.methods.method import Batch, Draws, Method, MethodOptions
from aslp_lib.ranges import NonNegativeFloat, PositiveFloat


@dataclass(frozen=True)
class MixupOptions(MethodOptions):
    """mixup."""

    alpha: PositiveFloat = 0.2
    """Parameter of Beta(alpha, alpha), from which the share of an image is drawn. A small alpha
    hardly mixes; with 1, the share is uniform."""


class Mixup(Method[MixupOptions]):
    """BCE of the image `s x + (1 - s) x'` with the label `s y + (1 - s) y'`.

    Each image x has its own share `s ~ Beta(alpha, alpha)`, and x' is the image before x in the
    batch.
    """

    name, label = "mixup", "mixup"

    def prepare(self, images: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Batch:
        return mixed(images, labels, self.options.alpha, draws)


def mixed(images: Tensor, labels: Tensor, alpha: float, draws: Draws) -> Batch:
    """Mix each image of a batch, and its labels, with its partner.

    Args:
        images: (N, 3, H, W) uint8.
        labels: (N, 1, H, W) in [0, 1].
        alpha: parameter of Beta(alpha, alpha).
        draws: random numbers of the batch.

    Returns:
        Mixed images, as float in [0, 1], and mixed labels.
    """
    # NumPy is used because torch draws from a Beta distribution with its global generator only.
    samples = [np.random.default_rng(draws.seed(i)).beta(alpha, alpha) for i in draws.images]
    share = torch.tensor(samples, dtype=torch.float32).view(-1, 1, 1, 1)
    share = share.to(images.device, non_blocking=True)
    mixed_images = (share * images + (1 - share) * images.roll(1, 0)) / 255
    return mixed_images, share * labels + (1 - share) * labels.roll(1, 0)


@dataclass(frozen=True)
class RegMixupOptions(MixupOptions):
    """RegMixup."""

    alpha: PositiveFloat = 10.0
    """Parameter of Beta(alpha, alpha), from which the share of an image is drawn. With a large
    alpha, shares are close to 1/2, and mixtures are far from any image."""
    weight: NonNegativeFloat = 1.0
    """eta, the weight of the mixtures' loss."""


class RegMixup(Method[RegMixupOptions]):
    """RegMixup, `BCE(f(x), y) + eta * BCE(f(x~), y~)`, where (x~, y~) is the mixture of mixup.

    A batch holds images and mixtures, which doubles its size and the cost of a step.
    """

    name, label = "regmixup", "RegMixup"

    def prepare(self, images: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Batch:
        mixed_images, mixed_labels = mixed(images, labels, self.options.alpha, draws)
        return torch.cat([images.float() / 255, mixed_images]), torch.cat([labels, mixed_labels])

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        bce = super().pixel_losses(logits, labels, index, draws)
        return torch.cat([bce[: len(index)], self.options.weight * bce[len(index) :]])
