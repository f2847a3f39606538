"""ASLP, Adaptive Stochastic Label Perturbation, as training methods: one for each rule.

Each method trains with SC-BCE, and its rule adapts the perturbation level alpha_i of every training
image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from aslp_lib.aslp.alphas import AdaptiveAlpha, Dynamics
from aslp_lib.aslp.loss import perturbed_logits, sc_bce_with_logits
from aslp_lib.aslp.perturbation import TECHNIQUES, Technique, pixel_noise
from aslp_lib.aslp.rules import RULES, Rule
from aslp_lib.checks import require
from aslp_lib.methods.base import Draws, Method, require_range
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

RISING = 0.1
"""Largest part of their final mean by which converged alphas rise in the last fifth of the epochs.
In the recorded runs of MC it is up to 0.08, but 0.2 or more before 80 % of the bound is reached."""


@dataclass(frozen=True)
class ASLPOptions:
    """Adaptive Stochastic Label Perturbation."""

    technique: str = "HI"
    """Perturbation technique: HI, SI, M, DM, or release (with release dynamics)."""
    beta: float | None = None
    """Perturbation strength in [0, 2] that replaces the one of the technique."""
    alpha_step_size: float = 0.005
    """eta, the step size of alpha. The paper's 0.002 needs more steps than a short run has."""
    constraint_weight: float = 200.0
    """lambda, the weight of the rule's constraint. With the paper's 2000, alphas hardly differ
    between images."""
    bound_gain: float = 0.15
    """Change of the bound of the rule "measured_gap" per unit of measured gap."""
    alpha_warm_up: int = 5
    """Number of epochs before alphas move."""
    dynamics: Dynamics = "stable"
    """Step of alpha, stable (implicit) or release (the explicit step of the authors' code)."""
    use_expected_targets: bool = False
    """Train on expected targets instead of sampling the switch Z."""
    forward_correction: bool = False
    """Put the perturbation into the loss, so that the network learns the unperturbed posterior. Not
    for the rule "measured_gap" and the dynamics "release"."""

    def __post_init__(self) -> None:
        names = ", ".join(TECHNIQUES)
        require("technique", self.technique, self.technique in TECHNIQUES, f"one of {names}")
        require_range(0, alpha_warm_up=self.alpha_warm_up)
        expected = "'stable' with forward_correction: the release's labels are no probabilities"
        bounded = not self.forward_correction or self.dynamics == "stable"
        require("dynamics", self.dynamics, bounded, expected)

    @property
    def perturbation(self) -> Technique:
        """The perturbation technique; `beta`, if it is given, replaces its strength."""
        technique = TECHNIQUES[self.technique]
        if self.beta is None:
            return technique
        return Technique(f"{technique.name}, beta = {self.beta:g}", self.beta, technique.noise)


class ASLP(Method[ASLPOptions]):
    """Base class of ASLP with one rule. Source: Liu et al., ICCV 2023, method figure."""

    family = "aslp"
    rule: ClassVar[type[Rule]]
    """The rule that constrains the alphas."""

    def __init__(self, images: int, options: ASLPOptions) -> None:
        super().__init__(images, options)
        expected = (
            "'calibration' or 'entropy' with forward_correction. The measured gap bounds alpha by "
            "the network's confidence, which then no longer contains the perturbation"
        )
        controlled = not options.forward_correction or self.rule.has_constraint
        require("rule", self.rule.name, controlled, expected)
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

    @property
    def perturbs(self) -> bool:  # type: ignore[override]
        return not self.options.forward_correction

    @property
    def dose(self) -> Tensor:
        return self.alphas.alpha * self.technique.beta * self.perturbs

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        sampled = None if self.options.use_expected_targets else draws
        alpha, corrected = self.alphas[index], self.options.forward_correction
        return sc_bce(logits, labels, alpha, self.technique, sampled, forward_correction=corrected)

    def after_step(self, index: Tensor, logits: Tensor, labels: Tensor, draws: Draws) -> None:
        ignored = None if draws.valid is None else -1
        if self.options.forward_correction:
            logits = perturbed_logits(logits, self.alphas[index], self.technique)
        self.alphas.update(index, logits, labels.nan_to_num(-1), ignore_index=ignored)

    def after_validation(self, counts: Counts, network: nn.Module) -> None:
        self.alphas.observe(calibration.accuracy(counts), calibration.confidence(counts))

    def log(self) -> dict[str, Tensor]:
        alpha = self.alphas.alpha
        low, high = torch.quantile(alpha, alpha.new_tensor([0.1, 0.9]))
        return {"alpha_mean": alpha.mean(), "alpha_p10": low, "alpha_p90": high}

    def notes(self, log: Sequence[Mapping[str, float]]) -> list[str]:
        epochs, warm_up = len(log), self.options.alpha_warm_up
        if epochs <= warm_up:
            return [
                f"{self.label}: the alphas stayed 0, and the loss was plain BCE, because the "
                f"warm-up of {warm_up} epochs did not end within the {epochs} of the run. Lower "
                "--aslp.alpha-warm-up or raise --epochs"
            ]
        span = max(1, epochs // 5)
        before, mean = ([0.0, *(row["alpha_mean"] for row in log)][i] for i in (-1 - span, -1))
        ceiling = self.alphas.rule.ceiling(log[-1]["accuracy"])
        if mean - before <= RISING * mean or mean >= ceiling:
            return []
        kind = "limit" if ceiling == self.technique.alpha_limit else "bound"
        return [
            f"{self.label}: the alphas still rose when the training ended. Their mean grew from "
            f"{before:.3g} to {mean:.3g} in the last {span} of {epochs} epochs, and their {kind} "
            f"is {ceiling:.3g}. Raise --aslp.{self.rule.pace.replace('_', '-')} or --epochs"
        ]

    def per_image(self) -> dict[str, Tensor]:
        return {"alpha": self.alphas.alpha}


def sc_bce(
    logits: Tensor,
    labels: Tensor,
    alpha: Tensor | float,
    technique: Technique,
    draws: Draws | None,
    *,
    forward_correction: bool = False,
) -> Tensor:
    """Compute SC-BCE of each pixel of a batch, from the random numbers of its images.

    Args:
        logits, labels: (N, 1, H, W).
        alpha: (N,) perturbation levels, or one number for all images.
        technique: the perturbation technique.
        draws: random numbers of the batch; None to train on expected targets, which need none.
        forward_correction: see `sc_bce_with_logits`.
    """
    options: dict[str, Any] = {"reduction": "none", "forward_correction": forward_correction}
    loss = partial(sc_bce_with_logits, logits, labels, alpha, technique, **options)
    if draws is None:
        return loss(use_expected_targets=True)
    noise, shape = None, labels.shape[1:]
    if technique.noise:
        noise = draws.of_each(lambda generator: pixel_noise(shape, technique, generator))
    return loss(uniform=draws.uniform, noise=noise)


def _method_of_rule(rule: type[Rule]) -> type[ASLP]:
    """Create the method that adapts alphas by this rule, with the rule's name and docstring."""
    attributes = {"name": rule.name, "label": rule.label, "rule": rule, "__doc__": rule.__doc__}
    return type(f"ASLP{rule.__name__}", (ASLP,), attributes)


ASLP_METHODS = tuple(_method_of_rule(rule) for rule in RULES.values())
