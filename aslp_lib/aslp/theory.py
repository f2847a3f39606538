"""What training on perturbed labels leads to: minimiser, floor, variance, expected confidence."""

from __future__ import annotations

import torch
from torch import Tensor

from aslp_lib.aslp.perturbation import Technique


def minimiser(posterior: Tensor | float, alpha: Tensor | float, technique: Technique) -> Tensor:
    """Probability that minimises the expected loss, `(1 - alpha*beta) * pi + alpha*beta/2`.

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> minimiser(1.0, 0.2, MODERATION)
    tensor(0.9000)

    Args:
        posterior: `pi = P(y = 1 | x)`; 0 or 1 for a noiseless pixel.
    """
    strength = torch.as_tensor(alpha) * technique.beta
    return (1 - strength) * torch.as_tensor(posterior) + strength / 2


def loss_floor(alpha: Tensor | float, technique: Technique) -> Tensor:
    """Least expected loss on noiseless pixels, in nats: the binary entropy of `alpha*beta/2`."""
    q = torch.as_tensor(alpha, dtype=torch.float64) * technique.beta / 2
    return -(torch.xlogy(q, q) + torch.xlogy(1 - q, 1 - q))


def target_variance(alpha: Tensor | float, technique: Technique) -> Tensor:
    """Variance of a pixel's sampled target, which is also its logit gradient's.

    `alpha * (1 - alpha) * (beta * (y - 1/2))^2` (equal for y = 0 and 1), plus `alpha` times the
    noise's variance.
    """
    alpha = torch.as_tensor(alpha)
    return alpha * (1 - alpha) * (technique.beta / 2) ** 2 + alpha * technique.noise_variance


def expected_confidence(alpha: Tensor | float, technique: Technique) -> Tensor:
    """Confidence of the expected target, `1 - alpha*beta/2`: where SC-BCE's minimiser sits."""
    return 1 - torch.as_tensor(alpha) * technique.beta / 2
