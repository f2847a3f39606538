"""Closed forms of what training on perturbed labels leads to.

The expected loss of ASLP is binary cross entropy with the expected target
`(1 - alpha*beta) * y + alpha*beta/2`. These functions give its minimiser, its lowest value, the
variance of the sampled target, and the confidence of the expected target. They raise a TypeError if
the technique is not a `Technique`.

For K classes, 1/K takes the place of 1/2. The functions then take the number of `classes`, and
raise a ValueError if the technique is for fewer (see `Technique.for_classes`).
"""

import torch
from torch import Tensor

from aslp_lib.aslp.perturbation import Technique, check_technique


def minimiser(
    posterior: Tensor | float, alpha: Tensor | float, technique: Technique, *, classes: int = 2
) -> Tensor:
    """Compute the probability that minimises the expected loss.

        f* = (1 - alpha*beta) * pi + alpha*beta/K,   K = 2

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> minimiser(1.0, 0.2, MODERATION)
    tensor(0.9000)

    Args:
        posterior: pi = P(y = 1 | x) of a pixel, which is 0 or 1 if its label is noiseless; for K
            classes, the probability of any of them.
        alpha: perturbation level; it broadcasts with the posterior.
        technique: the perturbation technique.
        classes: number of classes K.
    """
    check_technique(technique, classes)
    pi = torch.as_tensor(posterior)
    alpha = alpha if isinstance(alpha, Tensor) else torch.tensor(alpha, dtype=pi.dtype)
    expected_perturbation = alpha * technique.beta
    return (1 - expected_perturbation) * pi + expected_perturbation / classes


def loss_floor(alpha: Tensor | float, technique: Technique, *, classes: int = 2) -> Tensor:
    """Compute the lowest expected loss on noiseless pixels, in nats.

    It is the entropy of the expected target: for two classes, the binary entropy of `alpha*beta/2`.

    >>> from aslp_lib.aslp.perturbation import HARD_INVERSION
    >>> floor = loss_floor(0.1, HARD_INVERSION)
    >>> print(f"{floor:.3f}")  # -0.1 ln 0.1 - 0.9 ln 0.9
    0.325
    """
    check_technique(technique, classes)
    q, others = torch.as_tensor(alpha, dtype=torch.float64) * technique.beta / classes, classes - 1
    return -(others * torch.xlogy(q, q) + torch.xlogy(1 - others * q, 1 - others * q))


def target_variance(alpha: Tensor | float, technique: Technique, *, classes: int = 2) -> Tensor:
    """Compute the variance of the sampled target of a pixel.

        Var = alpha * (1 - alpha) * (beta * (y - 1/2))^2 + alpha * Var(noise)

    It is the same for y = 0 and y = 1, and equals the variance of the gradient of the loss with
    respect to the pixel's logit. For K classes, it is that of the label's channel, with 1/K in
    place of 1/2; the variance of each other channel is smaller by a factor of (K - 1)^2.

    >>> from aslp_lib.aslp.perturbation import HARD_INVERSION
    >>> target_variance(0.1, HARD_INVERSION)  # 0.1 * 0.9 * 1
    tensor(0.0900)
    """
    check_technique(technique, classes)
    alpha, size = torch.as_tensor(alpha), technique.beta * (classes - 1) / classes
    return alpha * (1 - alpha) * size**2 + alpha * technique.noise_variance


def expected_confidence(alpha: Tensor | float, technique: Technique, *, classes: int = 2) -> Tensor:
    """Compute the expected confidence of the target, `1 - alpha*beta/2`.

    It is the confidence of the minimiser on noiseless pixels. For K classes, it is
    `1 - alpha*beta*(K - 1)/K`.

    >>> from aslp_lib.aslp.perturbation import HARD_INVERSION
    >>> expected_confidence(0.1, HARD_INVERSION)
    tensor(0.9000)
    """
    check_technique(technique, classes)
    return 1 - torch.as_tensor(alpha) * technique.beta * (classes - 1) / classes
