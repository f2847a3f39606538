"""SC-BCE, the self-calibrating binary cross entropy (Liu et al., ICCV 2023, method figure)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.aslp.perturbation import (
    Technique,
    check_pixels,
    check_technique,
    expected_targets,
    sampled_targets,
)


def sc_bce_with_logits(
    logits: Tensor,
    labels: Tensor,
    alpha: Tensor | float,
    technique: Technique,
    *,
    use_expected_targets: bool = False,
    reduction: str = "mean",
    ignore_index: int | None = None,
    generator: torch.Generator | None = None,
    uniform: Tensor | None = None,
    noise: Tensor | None = None,
) -> Tensor:
    """Compute SC-BCE, the self-calibrating binary cross entropy, in nats.

        L = (1 - Z) * BCE(f, y) + Z * BCE(f, p(y, beta))

    Here `f = sigmoid(z)` are the predicted probabilities, and `Z ~ Bernoulli(alpha)` is the switch
    of an image. BCE is affine in its target, so L equals the BCE with the target that Z selects,
    and its expectation over Z equals the BCE with the expected target
    `(1 - alpha*beta) * y + alpha*beta/2`. Source: Liu et al., ICCV 2023, method figure.

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> logits, labels = torch.tensor([[3.0, -3.0]]), torch.tensor([[1.0, 0.0]])
    >>> bce = sc_bce_with_logits(logits, labels, 0.0, MODERATION)
    >>> sc_bce = sc_bce_with_logits(logits, labels, 0.2, MODERATION, use_expected_targets=True)
    >>> print(f"{bce:.2f}, {sc_bce:.2f}")  # they differ by alpha * beta/2 * 3 = 0.3
    0.05, 0.35

    Args:
        logits: (N, ...) outputs z of the network. If one is NaN or infinite, the mean is NaN, as
            with torch's own loss.
        labels: labels y of the same shape, in {0, 1}, in between for soft labels, or
            `ignore_index`. Other values raise an error on a CPU; on other devices they are not
            checked, because the check would synchronise the device.
        alpha: (N,) perturbation level of each image, or one number for all, in [0, 1].
        technique: the perturbation technique, which sets beta.
        use_expected_targets: use the expected target instead of sampling Z. The expected loss is
            the same, and the variance of the switch is absent.
        reduction: "mean", "sum", or "none", which returns the shape of the logits.
        ignore_index: label of pixels that are excluded from the sum and the mean, such as 255 or
            -1. Their logits may have any value. If no pixel remains, the loss is 0, not NaN.
        generator: random generator of the switches and the noise. Nothing is drawn if alpha is 0
            for all images (on a CPU; see `sampled_targets`).
        uniform, noise: random numbers to use instead of new draws; see `sampled_targets`.

    Returns:
        The loss in nats, in float64 for float64 logits and otherwise in float32: half precision
        would overflow in the sum, or in the gradient if few pixels have a label.

    Raises:
        TypeError: logits or labels are not tensors, or the technique is not a `Technique`.
        ValueError: the shapes differ, alpha is outside [0, 1] (on a CPU), or a label is invalid (on
            a CPU).
    """
    labels, labelled = check_pixels(logits, labels, ignore_index)
    logits = logits.to(labels.dtype)
    weight = None
    if labelled is not None:
        logits, labels = logits.masked_fill(~labelled, 0), labels.masked_fill(~labelled, 0)
        weight = labelled.to(logits.dtype)
    if reduction == "mean" and not labels.numel():
        reduction = "sum"
    if use_expected_targets:
        targets = expected_targets(labels, alpha, technique)
    else:
        targets = sampled_targets(labels, alpha, technique, generator, uniform=uniform, noise=noise)
    if labelled is None or reduction != "mean":
        return F.binary_cross_entropy_with_logits(logits, targets, weight, reduction=reduction)
    total = F.binary_cross_entropy_with_logits(logits, targets, weight, reduction="sum")
    return total / labelled.sum().clamp(min=1)


class SCBCELoss(nn.Module):
    """SC-BCE, the self-calibrating binary cross entropy, as a module.

        L = (1 - Z) * BCE(f, y) + Z * BCE(f, p(y, beta))

    In each call, one Bernoulli switch per image, `Z ~ Bernoulli(alpha)`, selects the target of all
    pixels of the image: the label y, or the perturbed label
    `p(y, beta) = (1 - beta) * y + beta / 2`. The perturbation level alpha is passed with each call,
    because ASLP learns it during training (`AdaptiveAlpha`). With `alpha = 0`, the loss is BCE.
    Source: Liu et al., ICCV 2023, method figure.

    >>> from aslp_lib.aslp.perturbation import HARD_INVERSION
    >>> criterion = SCBCELoss(HARD_INVERSION)
    >>> logits, labels = torch.full((2, 1, 4, 4), 3.0), torch.ones(2, 1, 4, 4)
    >>> loss = criterion(logits, labels, torch.tensor([0.0, 1.0]))  # the second image is inverted
    >>> print(f"{loss:.2f}")  # mean of ln(1 + e^-3) and ln(1 + e^3)
    1.55

    Args:
        technique: the perturbation technique, which sets beta.
        reduction: "mean", "sum", or "none", which returns the shape of the logits.
        ignore_index: label of pixels that are excluded from the loss.
        use_expected_targets: use the expected target instead of sampling Z.

    Raises:
        TypeError: the technique is not a `Technique`.
    """

    def __init__(
        self,
        technique: Technique,
        *,
        reduction: str = "mean",
        ignore_index: int | None = None,
        use_expected_targets: bool = False,
    ) -> None:
        super().__init__()
        check_technique(technique)
        self.technique, self.use_expected_targets = technique, use_expected_targets
        self.reduction, self.ignore_index = reduction, ignore_index

    def extra_repr(self) -> str:
        return f"{self.technique.name}, reduction={self.reduction}, ignore={self.ignore_index}"

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        alpha: Tensor | float,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Compute the loss in nats, as `sc_bce_with_logits` does.

        Args:
            logits: (N, ...) outputs z of the network; the prediction is `f = sigmoid(z)`.
            labels: labels y of the same shape, in {0, 1}, or `ignore_index`.
            alpha: (N,) perturbation level of each image, or one number for all, in [0, 1].
            generator: random generator of the switches and the noise.

        Raises:
            TypeError, ValueError: see `sc_bce_with_logits`.
        """
        return sc_bce_with_logits(
            logits,
            labels,
            alpha,
            self.technique,
            use_expected_targets=self.use_expected_targets,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            generator=generator,
        )
