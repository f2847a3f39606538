"""ASLP, Adaptive Stochastic Label Perturbation, as training methods: one for each rule.

Each trains with SC-BCE and adapts the perturbation level of every training image by its rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.aslp.alphas import AdaptiveAlpha, Dynamics
from aslp_lib.aslp.perturbation import (
    TECHNIQUES,
    Technique,
    expected_targets,
    pixel_noise,
    sampled_targets,
)
from aslp_lib.aslp.rules import RULES, Rule
from aslp_lib.methods.base import Draws, Method
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


@dataclass(frozen=True)
class ASLPOptions:
    """Adaptive Stochastic Label Perturbation."""

    technique: str = "M"
    """How labels are perturbed: HI, SI, M, DM, or release (with release dynamics)."""
    beta: float | None = None
    """A strength in [0, 2] instead of the technique's own."""
    alpha_step_size: float = 0.005
    """eta: how fast alphas climb. The paper's 0.002 needs more steps than a short run has."""
    constraint_weight: float = 200.0
    """lambda: how hard the rule's constraint holds them. The paper's 2000 leaves them no room to
    differ between images."""
    bound_gain: float = 0.15
    """How fast the rule "measured_gap" moves its bound."""
    alpha_warm_up: int = 5
    """Epochs before alphas move."""
    dynamics: Dynamics = "stable"
    use_expected_targets: bool = False
    """Train on the expected target instead of drawing the switch."""

    def __post_init__(self) -> None:
        if self.technique not in TECHNIQUES:
            raise ValueError(
                f"technique is {self.technique!r}, but must be one of {', '.join(TECHNIQUES)}"
            )
        if self.alpha_warm_up < 0:
            raise ValueError(f"alpha_warm_up is {self.alpha_warm_up}, but must be 0 or more")

    @property
    def perturbation(self) -> Technique:
        """The technique, with `beta` in the place of its own where one is given."""
        technique = TECHNIQUES[self.technique]
        if self.beta is None:
            return technique
        return Technique(f"{technique.name}, beta = {self.beta:g}", self.beta, technique.noise)


class ASLP(Method[ASLPOptions]):
    """The paper's method under `rule`. Source: Liu et al., ICCV 2023, method figure."""

    family = "aslp"
    Options = ASLPOptions
    rule: ClassVar[type[Rule]]

    def __init__(self, images: int, options: ASLPOptions) -> None:
        super().__init__(images, options)
        self.technique = options.perturbation
        self.alphas = AdaptiveAlpha(
            images,
            self.technique,
            self.rule.name,
            alpha_step_size=options.alpha_step_size,
            constraint_weight=options.constraint_weight,
            bound_gain=options.bound_gain,
            warm_up=options.alpha_warm_up,
            dynamics=options.dynamics,
        )

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        # SC-BCE: one BCE with the target that each image's switch picks (aslp.loss says why).
        targets = self._targets(labels, self.alphas[index], draws)
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")

    def _targets(self, labels: Tensor, alpha: Tensor, draws: Draws) -> Tensor:
        expected = self.options.use_expected_targets
        return targets_of(labels, alpha, self.technique, draws, expected=expected)

    def after_step(self, index: Tensor, logits: Tensor, labels: Tensor) -> None:
        self.alphas.update(index, logits, labels)

    def after_validation(self, counts: Counts, network: nn.Module) -> None:
        self.alphas.observe(calibration.accuracy(counts), calibration.confidence(counts))

    def log(self) -> dict[str, Tensor]:
        alpha = self.alphas.alpha
        low, high = torch.quantile(alpha, alpha.new_tensor([0.1, 0.9]))
        return {"alpha_mean": alpha.mean(), "alpha_p10": low, "alpha_p90": high}

    def per_image(self) -> dict[str, Tensor]:
        return {"alpha": self.alphas.alpha}


def targets_of(
    labels: Tensor, alpha: Tensor, technique: Technique, draws: Draws, *, expected: bool
) -> Tensor:
    """The targets of a batch's labels under levels (N,), with each image's own draws.

    Args:
        expected: their mean instead, without a draw.
    """
    if expected:
        return expected_targets(labels, alpha, technique)
    noise = None
    if technique.noise:
        shape = labels.shape[1:]
        noise = draws.of_each(lambda own: pixel_noise(shape, technique, own))
    return sampled_targets(labels, alpha, technique, uniform=draws.uniform, noise=noise)


def under(rule: type[Rule]) -> type[ASLP]:
    """The method that moves its levels by `rule` and is called as it is."""
    own = {"name": rule.name, "label": rule.label, "rule": rule, "__doc__": rule.__doc__}
    return type(f"ASLP{rule.__name__}", (ASLP,), own)


ASLP_METHODS = tuple(under(rule) for rule in RULES.values())
