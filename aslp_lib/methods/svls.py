"""Spatially varying label smoothing, SVLS (Islam & Glocker, IPMI 2021): labels are soft at edges.

Annotators disagree mostly at boundaries; inside objects and background, labels stay hard.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.method import ALL, Draws, Method, MethodOptions
from aslp_lib.ranges import Range


@dataclass(frozen=True)
class SVLSOptions(MethodOptions):
    """Spatially varying label smoothing."""

    sigma: Annotated[float, Range(at_least=0.1)] = 1.0
    """Standard deviation of the Gaussian weights of the 8 neighbours of a pixel, in pixels at the
    input size of the network."""


class SVLS(Method[SVLSOptions]):
    """BCE with the target `sum_j w_j y_j / sum_j w_j` over the 3x3 neighbourhood of a pixel.

    A neighbour at distance d_j has the weight `w_j = exp(-d_j^2 / (2 sigma^2))`. As in the paper's
    kernel, the centre weighs as much as its neighbours together, so a pixel whose neighbours all
    have the other label has the target 1/2. Labels beyond the border are those at the border
    (replicate padding). The paper smooths the one-hot map of each class; because the weights sum to
    1, the background's target is 1 minus the foreground's, and one map is enough.
    """

    name, label = "svls", "SVLS"

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        targets = smoothed(labels, self.options.sigma, draws.valid)
        return super().pixel_losses(logits, targets, index, draws)


def smoothed(labels: Tensor, sigma: float, valid: Tensor = ALL) -> Tensor:
    """Compute the targets of labels (N, 1, H, W); ignored neighbours have no weight.

    >>> labels = torch.zeros(1, 1, 3, 3)
    >>> labels[0, 0, 1, 1] = 1.0
    >>> smoothed(labels, sigma=1.0)[0, 0, 1]  # 1/2 at the centre, exp(-1/2) / (2 * 3.898) beside it
    tensor([0.0778, 0.5000, 0.0778])
    """
    weights = valid.expand_as(labels).to(labels.dtype)
    total = _weighted_sum(weights, sigma).clamp(min=0.25)  # 1/2 or more at labelled pixels
    return (_weighted_sum(labels * weights, sigma) / total).clamp(0, 1)


def _weighted_sum(values: Tensor, sigma: float) -> Tensor:
    """Sum (N, 1, H, W) over the neighbourhood of each pixel, with the weights of the neighbours."""
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    weights = neighbour_weights(sigma).to(values).view(9, 1)
    # A GPU may round a convolution to fewer digits.
    return (weights * F.unfold(padded, 3)).sum(dim=1).view_as(values)


def neighbour_weights(sigma: float) -> Tensor:
    """Compute the weights of a 3x3 neighbourhood, (3, 3), which sum to 1.

    >>> neighbour_weights(1.0)[1, 1]
    tensor(0.5000, dtype=torch.float64)
    """
    line = torch.exp(-torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64) / (2 * sigma**2))
    weights = torch.outer(line, line)
    weights[1, 1] = 0
    weights[1, 1] = weights.sum()
    return weights / weights.sum()
