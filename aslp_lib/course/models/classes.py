"""Label perturbation with K classes: an outlook, because the library itself is binary.

With a label's one-hot vector e and the perturbation strength beta, the perturbed label is

    p(e, beta) = (1 - beta) * e + beta / K,

which is the paper's for K = 2. Its entries stay in [0, 1] for beta up to K / (K - 1). At that
strength the label's class gets 0 and the other classes share the rest equally, which generalises
hard inversion. Cross entropy is affine in its target, as BCE is, so every result that follows from
this holds for K classes, with 1/K in place of 1/2.
"""

from __future__ import annotations

from torch import Tensor

from aslp_lib.checks import require


def class_targets(one_hot: Tensor, alpha: float, beta: float) -> Tensor:
    """Compute the expected target, `(1 - alpha*beta) * e + alpha*beta / K`.

    Args:
        one_hot: (..., K) one-hot labels, or any distribution over the classes. For the true
            posterior the result is the minimiser of the expected loss.
        alpha: perturbation level, in [0, 1].
        beta: perturbation strength, in [0, K / (K - 1)].

    Raises:
        ValueError: alpha or beta is out of range.
    """
    classes = one_hot.shape[-1]
    limit = classes / (classes - 1)
    require("beta", beta, 0 <= beta <= limit, f"[0, {limit:g}] for {classes} classes")
    require("alpha", alpha, 0 <= alpha <= 1, "[0, 1]")
    return (1 - alpha * beta) * one_hot + alpha * beta / classes


def class_alpha_gradient(logits: Tensor, labels: Tensor, beta: float) -> Tensor:
    """Compute the gradient of each image's expected loss with respect to alpha, in nats per pixel.

    It is `beta * mean[z_y - mean_k z_k]`: the label's logit minus the mean logit over the classes,
    averaged over the pixels.

    Args:
        logits: (N, K, ...).
        labels: (N, ...) integers in [0, K).

    Returns:
        (N,).
    """
    label_logits = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    return beta * (label_logits - logits.mean(dim=1)).flatten(1).mean(dim=1)
