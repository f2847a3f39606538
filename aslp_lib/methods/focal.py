"""Focal loss (Lin et al., ICCV 2017), used against overconfidence (Mukhoti et al., NeurIPS 2020).

The loss of a pixel is weighted by the probability of the wrong class, so that correct and confident
pixels hardly contribute. In the variant FLSD-53, gamma depends on the prediction at the pixel.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.method import Draws, Method, MethodOptions, cross_entropy
from aslp_lib.ranges import NonNegativeFloat


@dataclass(frozen=True)
class FocalOptions(MethodOptions):
    """Focal loss."""

    gamma: NonNegativeFloat = 2.0
    """Exponent of the weight `(1 - q)^gamma` of a pixel whose label has probability q. With 0, the
    loss is BCE."""


class Focal(Method[FocalOptions]):
    """Focal loss, `(1 - q)^gamma * -log q`, where q is the probability of the pixel's label."""

    name, label = "focal", "focal loss"
    multiclass = True

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        return focal_loss(logits, labels, self.options.gamma)


def focal_loss(logits: Tensor, labels: Tensor, gamma: Tensor | float) -> Tensor:
    """Compute the focal loss of each pixel, `(1 - q)^gamma` times the cross entropy, in nats.

    Here q is the probability of the pixel's label, or of the likelier class of a soft label.

    >>> loss = focal_loss(torch.tensor([0.0]), torch.tensor([1.0]), gamma=2.0)
    >>> print(f"{loss.item():.3f}")  # (1/2)^2 ln 2
    0.173

    Args:
        logits, labels: see `cross_entropy`.
        gamma: one number for all pixels, or one for each.
    """
    loss = cross_entropy(logits, labels)
    # Unlike a power of 1 - q, its logarithm has a finite gradient where 1 - q rounds to 0.
    log_wrong = F.logsigmoid(-true_class_logit(logits, labels))
    return torch.exp(gamma * log_wrong) * loss


def true_class_logit(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the logit of q, the probability of the label: z for foreground, otherwise -z.

    For K classes, it is `z_y - log sum_{k != y} exp(z_k)`.

    >>> true_class_logit(torch.tensor([2.0, 2.0]), torch.tensor([1.0, 0.0]))
    tensor([ 2., -2.])
    >>> true_class_logit(torch.tensor([[2.0, 0.0]]), torch.tensor([1]))
    tensor([-2.])
    """
    if labels.dim() < logits.dim():
        indices = labels.unsqueeze(1)
        others = logits.scatter(1, indices, -torch.inf).logsumexp(dim=1)
        return logits.gather(1, indices).squeeze(1) - others
    return torch.where(labels > 0.5, logits, -logits)


THRESHOLD = 0.2
"""Probability q of the label at which FLSD-53 changes its gamma, as in the paper."""
GAMMA_BELOW, GAMMA_ABOVE = 5.0, 3.0
"""Gamma of FLSD-53 below the threshold, and from the threshold on, as in the paper."""


class FLSD53(Method[MethodOptions]):
    """FLSD-53: focal loss with gamma = 5 where the label's probability is below 0.2, otherwise 3.

    In each step gamma is a constant: no gradient flows through its choice.
    """

    name, label = "flsd_53", "FLSD-53"
    multiclass = True

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        below = torch.sigmoid(true_class_logit(logits, labels)) < THRESHOLD
        gamma = torch.where(below, GAMMA_BELOW, GAMMA_ABOVE)
        return focal_loss(logits, labels, gamma)
