"""Test-time flip averaging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn

from aslp_lib.recalibration.base import ImageRecalibration, log_add, log_sigmoid
from aslp_lib.recalibration.calibration_data import CalibrationData


@dataclass(frozen=True)
class Flip(ImageRecalibration):
    """Test-time flip averaging: `p' = (p + p_flip) / 2`.

    p_flip is the prediction for the mirror image, flipped back. The mean is less confident wherever
    the two predictions differ. The method has no parameters and serves as a baseline. It costs a
    second forward pass, in single precision.

    Source: test-time augmentation, Ayhan & Berens, MIDL 2018.

    >>> import torch
    >>> class LeftIsForeground(nn.Module):  # p = 0.75 on the left and 0.5 on the right
    ...     def forward(self, images):
    ...         return torch.tensor([[[[0.75, 0.5]]]]).logit()
    >>> network, images = LeftIsForeground(), torch.zeros(1, 3, 1, 2, dtype=torch.uint8)
    >>> Flip().apply_on_images(network(images), images, network).sigmoid()
    tensor([[[[0.6250, 0.6250]]]])
    """

    name = "flip"
    label = "flip averaging"
    preserves_decisions = False

    def fit_on_images(self, trained: CalibrationData) -> Self:
        """Return the method itself, which has no parameters."""
        return self

    def apply_on_images(self, logits: Tensor, images: Tensor, network: nn.Module) -> Tensor:
        """Compute `logit((sigmoid(a) + sigmoid(b)) / 2)`.

        The logits a are those of the images, and b those of the mirror images, flipped back.
        """
        a = logits
        b = network(images.flip(-1)).flip(-1).to(a.dtype)
        # In logarithms, because sigmoid rounds large logits to probabilities of exactly 0 or 1.
        foreground = log_add(log_sigmoid(a), log_sigmoid(b))
        background = log_add(log_sigmoid(-a), log_sigmoid(-b))
        return foreground - background

    def describe(self) -> str:
        """State that there are no parameters."""
        return "nothing is fitted"
