"""MMCE (Kumar et al., ICML 2018): a kernel estimate of the calibration error in the loss."""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from aslp_lib.methods.method import ALL, Draws, Method, MethodOptions
from aslp_lib.ranges import NonNegativeFloat, Range

SMALLEST = 1e-12
"""Smallest squared error. Below it the gradient of the square root is 0 instead of unbounded."""


@dataclass(frozen=True)
class MMCEOptions(MethodOptions):
    """MMCE."""

    weight: NonNegativeFloat = 2.0
    """lambda, the weight of MMCE, in nats per pixel."""
    width: Annotated[float, Range(at_least=0.01)] = 0.4
    """h, the width of the kernel, in confidence. Mukhoti et al. (NeurIPS 2020) use 0.4."""


class MMCE(Method[MMCEOptions]):
    """BCE plus the maximum mean calibration error of each image, `BCE + lambda * MMCE`.

    `MMCE^2 = 1/P^2 * sum_ij (c_i - r_i) (c_j - r_j) exp(-|r_i - r_j| / h)`, where r_i is the
    confidence `max(f, 1 - f)` of pixel i, P the number of pixels, and c_i is 1 if the prediction at
    the pixel is correct and 0 otherwise, or the soft label of the predicted class. In each step,
    c_i is a constant.

    The sum over all pairs is exact. Because confidences are numbers on a line, this kernel needs
    only a sort and a cumulative sum instead of P^2 terms. Sampling m pixels per image would be
    cheaper, but it would add noise of order 1/m to the squared error and, through the pairs i = j,
    a bias of mean (c - r)^2 / m.
    """

    name, label = "mmce", "MMCE"

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        bce = super().pixel_losses(logits, labels, index, draws)
        correct = torch.where(logits >= 0, labels, 1 - labels).flatten(1)
        confidence = torch.sigmoid(logits.abs()).flatten(1)
        valid = draws.valid.expand_as(logits).flatten(1)
        squared = squared_mmce(confidence, correct, self.options.width, valid)
        error = squared.clamp(min=SMALLEST).sqrt()
        return bce + self.options.weight * error.view(-1, *[1] * (bce.dim() - 1))


def squared_mmce(confidence: Tensor, right: Tensor, width: float, valid: Tensor = ALL) -> Tensor:
    """Compute the squared MMCE of each image, (N,); rounding may make it slightly negative.

    >>> confidence, correct = torch.tensor([[0.9, 0.9]]), torch.tensor([[1.0, 0.0]])
    >>> squared_mmce(confidence, correct, width=0.4)  # ((0.1 - 0.9) / 2)^2
    tensor([0.1600])

    Args:
        confidence: (N, P) confidences of the pixels.
        right: (N, P), 1 where the prediction is correct and 0 elsewhere.
        width: width h of the kernel.
        valid: (N, P) booleans, false for ignored pixels.
    """
    r, order = confidence.sort(dim=1)
    valid = valid.expand_as(r)
    error = (right.gather(1, order) - r) * valid.gather(1, order)
    # Sorted, exp(-|r_i - r_j| / h) = exp(-r_i / h) exp(r_j / h) for all j before i. Confidences are
    # measured from the middle of their range, so that the exponentials stay in single precision.
    scale = torch.exp((r - 0.75) / width)
    scaled_error = error * scale
    sum_before = scaled_error.cumsum(dim=1) - scaled_error
    pairs = error.square() + 2 * error / scale * sum_before
    return pairs.sum(dim=1) / valid.sum(dim=1).clamp(min=1) ** 2
