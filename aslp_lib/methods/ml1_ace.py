"""mL1-ACE (Barfoot et al., MICCAI 2024): the average calibration error of each image in the loss.

Hard bins are those of that paper. Soft bins are those of "Average Calibration Losses for Reliable
Uncertainty in Medical Image Segmentation" (Barfoot et al., 2025).
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from aslp_lib.methods.method import ALL, Draws, Method, MethodOptions
from aslp_lib.ranges import NonNegativeFloat, Range

MIN_PIXELS = 1.0
"""Smallest number of pixels in a bin that counts. The authors' code counts soft bins from 0.01
pixels on. Its gradient there, of order bins / pixels, amplifies a rounding difference into another
training."""


@dataclass(frozen=True)
class ML1ACEOptions(MethodOptions):
    """mL1-ACE, with hard or soft bins."""

    weight: NonNegativeFloat = 1.0
    """Weight of the calibration error, in nats per pixel."""
    bins: Annotated[int, Range(at_least=2)] = 20
    """Number of equal-width bins of the probability."""


class ML1ACE(Method[ML1ACEOptions]):
    """BCE plus the average calibration error of each image, `BCE + weight * mean_k |f_k - y_k|`.

    Here f_k and y_k are the mean probability and the mean label in bin k, and the mean is over the
    bins that hold a pixel. A bin includes its upper edge. In each step, the bin of a pixel is a
    constant, so the gradient is the same for all pixels of a bin and moves their mean probability.

    The paper takes the mean over classes. With two classes, the bins of the background mirror those
    of the foreground and have the same error, except for pixels on an edge, so one class is enough.
    An image without foreground counts in full.
    """

    name, label = "ml1_ace", "mL1-ACE"
    soft: ClassVar[bool] = False
    """True for soft bins."""

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        bce = super().pixel_losses(logits, labels, index, draws)
        probability, labels = torch.sigmoid(logits).flatten(1), labels.flatten(1)
        valid, bins = draws.valid.expand_as(logits).flatten(1), self.options.bins
        error = calibration_error(probability, labels, bins, soft=self.soft, valid=valid)
        return bce + self.options.weight * error.view(-1, *[1] * (bce.dim() - 1))


class SoftML1ACE(ML1ACE):
    """mL1-ACE with soft bins.

    A pixel belongs to the two bins whose centres enclose its probability, with weights that fall
    linearly with the distance. Below the first centre and above the last one, it belongs to that
    bin alone. The gradient therefore also moves pixels from bin to bin, and the means of a bin
    change continuously with f.
    """

    name, label = "ml1_ace_soft", "mL1-ACE (soft)"
    soft = True


def calibration_error(
    probability: Tensor, labels: Tensor, bins: int, *, soft: bool, valid: Tensor = ALL
) -> Tensor:
    """Compute the average calibration error of each image, (N,).

    It is the mean of `|f_k - y_k|` over the bins that hold at least one pixel, or 0 if there is
    none.

    >>> probability, labels = torch.tensor([[0.7, 0.7, 0.2]]), torch.tensor([[1.0, 0.0, 0.0]])
    >>> calibration_error(probability, labels, bins=2, soft=False)  # mean of |0.7 - 0.5| and 0.2
    tensor([0.2000])

    Args:
        probability: (N, P) predicted probabilities f of the pixels.
        labels: (N, P) labels in [0, 1].
        bins: number of equal-width bins.
        soft: divide a pixel between two bins, as in `SoftML1ACE`.
        valid: (N, P) booleans, false for ignored pixels.
    """
    if soft:
        # The position is 0 at the centre of the first bin, 1 at that of the second, and so on.
        position = (probability * bins - 0.5).clamp(0, bins - 1)
        lower = position.detach().floor().clamp(max=bins - 2)
        memberships = [(lower, lower + 1 - position), (lower + 1, position - lower)]
    else:
        bin_index = (probability.detach() * bins).ceil().clamp(min=1) - 1
        memberships = [(bin_index, torch.ones_like(probability))]
    sums = probability.new_zeros(3, len(probability), bins)
    for bin_index, weight in memberships:
        weight = weight * valid
        values = torch.stack([weight, weight * probability, weight * labels])
        sums = sums.scatter_add(2, bin_index.long().expand_as(values), values)
    pixels, probability_sum, label_sum = sums
    counts = pixels >= MIN_PIXELS
    gap = (probability_sum - label_sum).abs() / torch.where(counts, pixels, 1.0)
    return torch.where(counts, gap, 0.0).sum(dim=1) / counts.sum(dim=1).clamp(min=1)
