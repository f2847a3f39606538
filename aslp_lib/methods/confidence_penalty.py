"""The confidence penalty (Pereyra et al., ICLR workshop 2017), which rewards high entropy."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.method import Draws, Method, MethodOptions
from aslp_lib.ranges import NonNegativeFloat


@dataclass(frozen=True)
class ConfidencePenaltyOptions(MethodOptions):
    """Confidence penalty."""

    beta: NonNegativeFloat = 0.1
    """Weight of the entropy of the prediction, in nats of BCE per nat of entropy. This beta is not
    the perturbation strength of ASLP."""


class ConfidencePenalty(Method[ConfidencePenaltyOptions]):
    """Confidence penalty, `BCE - beta * H(f)`, where f is the predicted probability of foreground.

    The entropy is `H(f) = -f log f - (1 - f) log(1 - f)`. Up to a constant, the penalty is
    `beta * KL(f || 1/2)`; label smoothing has the reverse divergence, `KL(1/2 || f)`.
    """

    name, label = "confidence_penalty", "confidence penalty"

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        bce = super().pixel_losses(logits, labels, index, draws)
        return bce - self.options.beta * entropy(logits)


def entropy(logits: Tensor) -> Tensor:
    """Compute the entropy of the Bernoulli distribution of each logit, in nats.

    >>> print(f"{entropy(torch.tensor(0.0)):.3f}")  # ln 2
    0.693
    """
    # The entropy is the same for z and -z. With |z|, no large numbers cancel.
    magnitude = logits.abs()
    return F.softplus(-magnitude) + magnitude * torch.sigmoid(-magnitude)
