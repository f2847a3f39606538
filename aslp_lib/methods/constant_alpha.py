"""Stochastic label perturbation with one constant alpha: ASLP without its adaptive part.

Liu et al. (ICCV 2023) start from this method.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from aslp_lib.aslp.loss import check_constant_dose
from aslp_lib.aslp.perturbation import TECHNIQUES
from aslp_lib.checks import require
from aslp_lib.methods.aslp import sc_bce
from aslp_lib.methods.base import Draws, Method

Bounded = Literal["HI", "SI", "M", "DM"]
"""The paper's techniques, whose targets stay in [0, 1], unlike those of the release."""


@dataclass(frozen=True)
class ConstantAlphaOptions:
    """Stochastic label perturbation with a constant alpha."""

    technique: Bounded = "HI"
    """Perturbation technique."""
    alpha: float = 0.12
    """Perturbation level of every image, in [0, min(1, 1/beta)]. A larger one would change
    decisions."""
    use_expected_targets: bool = False
    """Train on expected targets instead of sampling the switch Z."""
    forward_correction: bool = False
    """Put the perturbation into the loss, so that the network learns the unperturbed posterior."""

    def __post_init__(self) -> None:
        techniques = get_args(Bounded)
        valid = self.technique in techniques
        require("technique", self.technique, valid, f"one of {', '.join(techniques)}")
        limit = TECHNIQUES[self.technique].alpha_limit
        expected = f"a number in [0, {limit:.4g}] for {self.technique}"
        require("alpha", self.alpha, 0 <= self.alpha <= limit, expected)
        if self.forward_correction:
            check_constant_dose(self.alpha, TECHNIQUES[self.technique])


class ConstantAlpha(Method[ConstantAlphaOptions]):
    """SC-BCE with the same alpha for all images.

    Its expected loss is BCE with the target `(1 - alpha*beta) * y + alpha*beta/2`, which is that of
    label smoothing with epsilon = alpha*beta. With sampled targets the gradient has a larger
    variance. With the forward correction, the loss is smallest at the true posterior instead of the
    mean target.
    """

    name, label = "constant_alpha", "constant alpha"

    @property
    def perturbs(self) -> bool:  # type: ignore[override]
        return not self.options.forward_correction

    @property
    def dose(self) -> Tensor:
        beta = TECHNIQUES[self.options.technique].beta
        return torch.tensor(self.options.alpha * beta * self.perturbs)

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        technique = TECHNIQUES[self.options.technique]
        sampled = None if self.options.use_expected_targets else draws
        corrected = self.options.forward_correction
        return sc_bce(
            logits, labels, self.options.alpha, technique, sampled, forward_correction=corrected
        )
