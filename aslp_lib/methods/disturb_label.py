"""DisturbLabel (Xie et al., CVPR 2016): a few labels are replaced by random ones, anew each time.

Theirs is of images; for segmentation each pixel is disturbed by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method


@dataclass(frozen=True)
class DisturbLabelOptions:
    """DisturbLabel."""

    rate: float = 0.1
    """Probability that a pixel's label is replaced by a class drawn uniformly, in [0, 1]."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate <= 1.0:
            raise ValueError(f"rate is {self.rate}, but is a probability and must lie in [0, 1]")


class DisturbLabel(Method[DisturbLabelOptions]):
    """BCE with a label that is with probability `rate` a fair coin's, pixel by pixel.

    In expectation label smoothing of epsilon = rate. Half of the coins change nothing, so a label
    is turned over with probability rate/2, as hard inversion's is at alpha = rate/2; but there a
    switch turns an image's pixels over together, here their noise averages out over an image.
    """

    name, label = "disturb_label", "DisturbLabel"
    Options = DisturbLabelOptions

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        rate, shape = self.options.rate, labels.shape[1:]
        uniform = draws.of_each(lambda own: torch.rand(shape, generator=own))
        uniform = uniform.to(labels.device, non_blocking=True)
        # One draw is both: below the rate a label is replaced, by 1 in the lower half of that.
        coin = (uniform < rate / 2).to(labels.dtype)
        targets = torch.where(uniform < rate, coin, labels)
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
