"""mL1-ACE (Barfoot et al., MICCAI 2024): an image's average calibration error in the loss.

Hard bins as there; soft ones as in "Average Calibration Losses for Reliable Uncertainty in Medical
Image Segmentation" (Barfoot et al., 2025).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.checks import require
from aslp_lib.methods.base import Draws, Method

LEAST = 1.0
"""Pixels in a bin that counts. The authors' code counts soft bins from 0.01 on; its gradient there,
of order bins / pixels, makes of a last digit another training."""


@dataclass(frozen=True)
class ML1ACEOptions:
    """mL1-ACE, with hard or soft bins."""

    weight: float = 1.0
    """Nats a pixel that a calibration error of 1 costs."""
    bins: int = 20
    """Equal-width bins of the probability."""

    def __post_init__(self) -> None:
        require("weight", self.weight, 0 <= self.weight < math.inf, "a finite value, not negative")
        require("bins", self.bins, self.bins >= 2, "2 or more")


class ML1ACE(Method[ML1ACEOptions]):
    """`BCE + weight * mean_k |mean f - mean y|` over the bins k of f that have a pixel, per image.

    Bins are closed above. A pixel's bin is a constant of each step, so the gradient moves its mean
    probability alone: all pixels of a bin alike, by what the bin is off. The paper takes the mean
    over classes; with two, the background's bins are the foreground's mirrored, at the same error
    (but for pixels on an edge), so that one is enough. An image without foreground counts in full.
    """

    name, label, family = "ml1_ace", "mL1-ACE", "ml1_ace"
    Options = ML1ACEOptions
    soft: ClassVar[bool] = False

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        bce = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        probability = torch.sigmoid(logits).flatten(1)
        error = calibration_error(
            probability, labels.flatten(1), self.options.bins, soft=self.soft
        ).sum()
        return bce + self.options.weight * error * logits[0].numel()


class SoftML1ACE(ML1ACE):
    """The same with soft bins: a pixel belongs to the two bins whose centres it lies between, to
    each by its nearness; before the first centre and after the last to that one alone. So the
    gradient also moves pixels from bin to bin, and no step of f makes the error jump."""

    name, label = "ml1_ace_soft", "mL1-ACE (soft)"
    soft = True


def calibration_error(probability: Tensor, labels: Tensor, bins: int, *, soft: bool) -> Tensor:
    """(N,) `mean_k |mean f - mean y|` over the bins that count, of (N, pixels); 0 if none does."""
    if soft:
        place = (probability * bins - 0.5).clamp(
            0, bins - 1
        )  # 0 at the first centre, 1 at the next
        lower = place.detach().floor().clamp(max=bins - 2)
        parts = [(lower, lower + 1 - place), (lower + 1, place - lower)]
    else:
        which = (probability.detach() * bins).ceil().clamp(min=1) - 1
        parts = [(which, torch.ones_like(probability))]
    table = probability.new_zeros(3, len(probability), bins)
    for which, weight in parts:
        values = torch.stack([weight, weight * probability, weight * labels])
        table = table.scatter_add(2, which.long().expand_as(values), values)
    pixels, confident, true = table
    counts = pixels >= LEAST
    off = (confident - true).abs() / torch.where(counts, pixels, 1.0)
    return torch.where(counts, off, 0.0).sum(dim=1) / counts.sum(dim=1).clamp(min=1)
