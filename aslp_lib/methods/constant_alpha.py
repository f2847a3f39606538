"""One perturbation level for all images, which never moves: what is left of ASLP without adapting.

The stochastic label perturbation that Liu et al. (ICCV 2023) start from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor
from torch.nn import functional as F

from aslp_lib.aslp.perturbation import TECHNIQUES
from aslp_lib.methods.aslp import targets_of
from aslp_lib.methods.base import Draws, Method

Bounded = Literal["HI", "SI", "M", "DM"]
"""The paper's techniques; the release's leaves [0, 1]."""


@dataclass(frozen=True)
class ConstantAlphaOptions:
    """A fixed perturbation level."""

    technique: Bounded = "M"
    """How labels are perturbed."""
    alpha: float = 0.24
    """How often, in [0, min(1, 1/beta)]: beyond, the decision would not be the label's."""
    use_expected_targets: bool = False
    """Train on the expected target instead of drawing the switch."""

    def __post_init__(self) -> None:
        known = get_args(Bounded)
        if self.technique not in known:
            raise ValueError(
                f"technique is {self.technique!r}, but must be one of {', '.join(known)}"
            )
        limit = TECHNIQUES[self.technique].alpha_limit
        if not 0.0 <= self.alpha <= limit:
            raise ValueError(
                f"alpha is {self.alpha}, but must lie in [0, {limit:.4g}] for {self.technique}"
            )


class ConstantAlpha(Method[ConstantAlphaOptions]):
    """SC-BCE with `alpha_i = alpha`: in expectation BCE with `(1 - alpha*beta) * y + alpha*beta/2`,
    which is label smoothing's loss of epsilon = alpha*beta; sampled, its gradient is noisier."""

    name, label = "constant_alpha", "constant alpha"
    Options = ConstantAlphaOptions

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        options = self.options
        targets = targets_of(
            labels,
            labels.new_full(labels.shape[:1], options.alpha),
            TECHNIQUES[options.technique],
            draws,
            expected=options.use_expected_targets,
        )
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
