"""What label perturbation becomes with K classes: an outlook, since the library is binary only.

With a label's one-hot vector e and strength beta the perturbed label is

    p(e, beta) = (1 - beta) * e + beta / K,

for K = 2 the paper's. Its entries stay in [0, 1] for beta up to K / (K - 1), at which the label's
own class gets 0 and the others share the rest: hard inversion. Cross entropy is affine in its
target as BCE is, so all that follows from that stays, with 1/K in place of 1/2.
"""

from __future__ import annotations

from torch import Tensor


def class_targets(one_hot: Tensor, alpha: float, beta: float) -> Tensor:
    """The mean target, `(1 - alpha*beta) * e + alpha*beta / K`.

    Args:
        one_hot: (..., K), or any distribution over the classes: of the true posterior this is the
            minimiser of the expected loss.

    Raises:
        ValueError: beta or alpha out of range.
    """
    classes = one_hot.shape[-1]
    if not 0 <= beta <= classes / (classes - 1):
        raise ValueError(
            f"beta is {beta}, but must lie in [0, {classes / (classes - 1):g}] of {classes} classes"
        )
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha}, but must lie in [0, 1]")
    return (1 - alpha * beta) * one_hot + alpha * beta / classes


def class_alpha_gradient(logits: Tensor, labels: Tensor, beta: float) -> Tensor:
    """Gradient of each image's expected loss in alpha, (N,), in nats a pixel:
    `beta * mean[z_y - mean_k z_k]`, the label's logit less the mean of all.

    Args:
        logits: (N, K, ...).
        labels: (N, ...) whole numbers in [0, K).
    """
    own = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    return beta * (own - logits.mean(dim=1)).flatten(1).mean(dim=1)
