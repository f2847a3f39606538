"""The mean prediction of an image and of its mirror image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from aslp_lib.recalibration.base import ImageRecalibration
from aslp_lib.recalibration.calibration_data import CalibrationData


@dataclass(frozen=True)
class Flip(ImageRecalibration):
    """Test-time flip averaging: the mean of the two probabilities, as a logit.

    A reference that fits nothing: averages are less sure wherever the two predictions differ
    (Ayhan & Berens, MIDL 2018). It costs a second forward pass, in single precision.
    """

    name = "flip"
    label = "flip averaging"
    preserves_decisions = False

    def fit_on_images(self, trained: CalibrationData) -> Self:
        """There is nothing to fit."""
        return self

    def apply_on_images(self, logits: Tensor, images: Tensor, network: nn.Module) -> Tensor:
        """`logit((sigmoid(a) + sigmoid(b)) / 2)` of the logits a of an image and b of its mirror
        image, flipped back."""
        a = logits
        b = network(images.flip(-1)).flip(-1).to(a.dtype)
        # In logarithms, as probabilities of 1 and 0 would lose what the logits still tell apart.
        foreground = torch.logaddexp(logsigmoid(a), logsigmoid(b))
        background = torch.logaddexp(logsigmoid(-a), logsigmoid(-b))
        return foreground - background

    def describe(self) -> str:
        return "nothing is fitted"
