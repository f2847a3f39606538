"""SC-BCE, the self-calibrating binary cross entropy (Liu et al., ICCV 2023, method figure)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.aslp.perturbation import Technique, expected_targets, sampled_targets


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
) -> Tensor:
    """`(1 - Z) * BCE(f, y) + Z * BCE(f, p(y, beta))` with `f = sigmoid(logits)`, in nats.

    BCE is affine in its target, so the two terms are one BCE with the target that the switch
    picks, and the mean over Z is one BCE with the mean target.

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> logits, labels = torch.tensor([[3.0, -3.0]]), torch.tensor([[1.0, 0.0]])
    >>> plain = sc_bce_with_logits(logits, labels, 0.0, MODERATION)
    >>> modest = sc_bce_with_logits(logits, labels, 0.2, MODERATION, use_expected_targets=True)
    >>> print(f"{plain:.2f}, {modest:.2f}")  # what being sure costs: alpha * beta/2 * 3
    0.05, 0.35

    Args:
        logits: (N, ...) raw network outputs z. One that is NaN or infinite makes the mean NaN, as
            torch's own loss does.
        labels: the same shape, in {0, 1}, or `ignore_index`. Others are refused on a CPU; on other
            devices, where looking would wait for the device, they are your care.
        alpha: (N,) perturbation level of each image, or one number.
        use_expected_targets: the expected target instead of drawing Z; the same mean, no
            variance.
        reduction: "mean", "sum" or "none" (the logits' shape).
        ignore_index: label of pixels that add nothing and do not count in the mean, such as 255 or
            -1; their logits may be anything. Where no pixel counts, as in an empty batch, the loss
            is 0, not NaN.
        generator: source of the draws.

    Raises:
        ValueError: shapes that differ, alpha outside [0, 1], or other labels (on a CPU).
    """
    if logits.shape != labels.shape:
        raise ValueError(
            f"logits have shape {tuple(logits.shape)}, labels {tuple(labels.shape)}: "
            "they must agree"
        )
    # In single precision: in half of it 2049 is 2048, and in 8 bits -1 is 255.
    labels, kept = labels.to(torch.promote_types(logits.dtype, torch.float32)), None
    if ignore_index is not None:
        ignored = labels == ignore_index
        logits, labels = logits.masked_fill(ignored, 0), labels.masked_fill(ignored, 0)
        kept = (~ignored).to(logits.dtype)
    _check_binary(labels)
    labels = labels.to(logits.dtype)
    if reduction == "mean" and not labels.numel():
        reduction = "sum"
    if use_expected_targets:
        targets = expected_targets(labels, alpha, technique)
    else:
        targets = sampled_targets(labels, alpha, technique, generator)
    loss = F.binary_cross_entropy_with_logits(logits, targets, weight=kept, reduction=reduction)
    if kept is not None and reduction == "mean":
        share = kept.mean(dtype=loss.dtype)
        loss = loss / torch.where(share > 0, share, 1.0)
    return loss


class SCBCELoss(nn.Module):
    """`sc_bce_with_logits` as a module, called with `(logits, labels, alpha, generator=None)`.

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> criterion = SCBCELoss(MODERATION, ignore_index=255)
    >>> loss = criterion(torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4), torch.tensor([0.0, 0.3]))
    >>> print(f"{loss:.2f}")  # of logit 0, whatever the targets: ln 2
    0.69

    Args:
        technique: how labels are perturbed.
        reduction, ignore_index, use_expected_targets: as there.
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
        self.technique, self.reduction = technique, reduction
        self.ignore_index, self.use_expected_targets = ignore_index, use_expected_targets

    def extra_repr(self) -> str:
        return f"{self.technique.name}, reduction={self.reduction}, ignore={self.ignore_index}"

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        alpha: Tensor | float,
        generator: torch.Generator | None = None,
    ) -> Tensor:
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


def _check_binary(labels: Tensor) -> None:
    """Refuse labels outside {0, 1} where that costs no wait for a device."""
    # y * y = y for 0 and 1 alone.
    if labels.device.type == "cpu" and not torch.equal(labels * labels, labels):
        others = labels[labels * labels != labels]
        raise ValueError(
            f"labels must be 0 or 1, but {len(others)} of {labels.numel()} pixels have others, the "
            f"first {others[0]:g}: name the label of pixels to leave out as ignore_index"
        )
