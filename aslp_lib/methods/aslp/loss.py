"""SC-BCE, the self-calibrating binary cross entropy (Liu et al., ICCV 2023, method figure)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.aslp.perturbation import Technique, expected_targets, sampled_targets


def sc_bce_with_logits(
    logits: Tensor,
    labels: Tensor,
    alpha: Tensor | float,
    technique: Technique,
    *,
    use_expected_targets: bool = False,
    reduction: str = "mean",
    generator: torch.Generator | None = None,
) -> Tensor:
    """`(1 - Z) * BCE(f, y) + Z * BCE(f, p(y, beta))` with `f = sigmoid(logits)`, in nats.

    BCE is affine in its target, so the two terms are one BCE with the target that the switch
    picks, and the mean over Z is one BCE with the mean target.

    Args:
        logits: (N, ...) raw network outputs z.
        labels: the same shape, in {0, 1}.
        alpha: (N,) perturbation level of each image, or one number.
        use_expected_targets: the expected target instead of drawing Z; the same mean, no
            variance.
        reduction: "mean", "sum" or "none" (the logits' shape).
        generator: source of the draws.

    Raises:
        ValueError: shapes that differ, or alpha outside [0, 1].
    """
    if logits.shape != labels.shape:
        raise ValueError(
            f"logits have shape {tuple(logits.shape)}, labels {tuple(labels.shape)}: "
            "they must agree"
        )
    labels = labels.to(logits.dtype)
    if use_expected_targets:
        targets = expected_targets(labels, alpha, technique)
    else:
        targets = sampled_targets(labels, alpha, technique, generator)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction=reduction)
