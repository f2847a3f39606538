"""Stochastic label perturbation with one constant alpha: ASLP without its adaptive part.

Liu et al. (ICCV 2023) start from this method.
"""

from dataclasses import dataclass
from typing import Literal

from aslp_lib.aslp.loss import check_constant_dose
from aslp_lib.aslp.perturbation import TECHNIQUES, Technique
from aslp_lib.checks import require
from aslp_lib.methods.aslp import SCBCE
from aslp_lib.methods.method import MethodOptions

Bounded = Literal["HI", "SI", "M", "DM"]
"""The paper's techniques, whose targets stay in [0, 1], unlike those of the release."""


@dataclass(frozen=True)
class ConstantAlphaOptions(MethodOptions):
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
        super().__post_init__()
        limit = self.perturbation.alpha_limit
        expected = f"a number in [0, {limit:.4g}] for {self.technique}"
        require("alpha", self.alpha, 0 <= self.alpha <= limit, expected)
        if self.forward_correction:
            check_constant_dose(self.alpha, self.perturbation)

    @property
    def perturbation(self) -> Technique:
        """The perturbation technique."""
        return TECHNIQUES[self.technique]


class ConstantAlpha(SCBCE[ConstantAlphaOptions]):
    """SC-BCE with the same alpha for all images.

    Its expected loss is BCE with the target `(1 - alpha*beta) * y + alpha*beta/2`, which is that of
    label smoothing with epsilon = alpha*beta. With sampled targets the gradient has a larger
    variance. With the forward correction, the loss is smallest at the true posterior instead of the
    expected target.
    """

    name, label = "constant_alpha", "constant alpha"

    @property
    def level(self) -> float:
        return self.options.alpha
