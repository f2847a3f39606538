"""ASLP, Adaptive Stochastic Label Perturbation, as training methods: one for each rule.

Each method trains with SC-BCE, and its rule adapts the perturbation level alpha_i of every training
image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from aslp_lib.aslp.alphas import AdaptiveAlpha, Dynamics
from aslp_lib.aslp.loss import perturbed_logits, sc_bce_with_logits
from aslp_lib.aslp.perturbation import TECHNIQUES, Technique, check_technique, pixel_noise
from aslp_lib.aslp.rules import Calibration, Entropy, MeasuredGap, Rule
from aslp_lib.aslp.sharing import share_alphas
from aslp_lib.checks import require, require_name
from aslp_lib.methods.method import Draws, Method, MethodOptions, OptionsT, known_labels
from aslp_lib.metrics import calibration
from aslp_lib.metrics.classes import AnyCounts
from aslp_lib.ranges import NonNegativeFloat, NonNegativeInt

RISING = 0.1
"""Largest part of their final mean by which converged alphas rise in the last fifth of the epochs.
In the recorded runs of MC it is up to 0.08, but 0.2 or more before 80 % of the bound is reached."""


@dataclass(frozen=True)
class ASLPOptions(MethodOptions):
    """Adaptive Stochastic Label Perturbation."""

    technique: str = "HI"
    """Perturbation technique: HI, SI, M, DM, or release (with release dynamics)."""
    beta: float | None = None
    """Perturbation strength in [0, 2] that replaces the one of the technique. With K classes, what
    exceeds 1 is divided by K - 1, so that 2 still inverts labels."""
    alpha_step_size: NonNegativeFloat = 0.005
    """eta, the step size of alpha. The paper's 0.002 needs more steps than a short run has."""
    constraint_weight: NonNegativeFloat = 200.0
    """lambda, the weight of the rule's constraint. With the paper's 2000, alphas hardly differ
    between images."""
    bound_gain: NonNegativeFloat = 0.15
    """Change of the bound of the rule "aslp_gap" per unit of measured gap."""
    alpha_warm_up: NonNegativeInt = 5
    """Number of epochs before alphas move."""
    dynamics: Dynamics = "stable"
    """Step of alpha, stable (implicit) or release (the explicit step of the authors' code)."""
    use_expected_targets: bool = False
    """Train on expected targets instead of sampling the switch Z."""
    forward_correction: bool = False
    """Put the perturbation into the loss, so that the network learns the unperturbed posterior. Not
    for the rule "aslp_gap" and the dynamics "release"."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_name("technique", self.technique, TECHNIQUES)
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


class SCBCE(Method[OptionsT]):
    """Base class of methods that train with SC-BCE.

    Their options have a `perturbation` (a technique), `use_expected_targets` and
    `forward_correction`.
    """

    options: Any
    multiclass = True

    def __init__(self, images: int, options: OptionsT, channels: int = 1) -> None:
        super().__init__(images, options, channels)
        classes = max(channels, 2)
        self.technique: Technique = self.options.perturbation.for_classes(classes)
        check_technique(self.technique, classes, channels=channels > 1)
        self.perturbs = not self.options.forward_correction

    @property
    def level(self) -> Tensor | float:
        """The perturbation level of each image, (images,), or a number for all images."""
        raise NotImplementedError

    @property
    def dose(self) -> Tensor:
        return torch.as_tensor(self.level * self.technique.beta * self.perturbs)

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        alpha = self.level[index] if isinstance(self.level, Tensor) else self.level
        return sc_bce(
            *(logits, labels, alpha, self.technique, draws),
            use_expected_targets=self.options.use_expected_targets,
            forward_correction=self.options.forward_correction,
        )


class ASLP(SCBCE[ASLPOptions]):
    """Base class of ASLP with one rule. Source: Liu et al., ICCV 2023, method figure."""

    family = "aslp"
    rule: ClassVar[type[Rule]]
    """The rule that constrains the alphas."""

    def __init__(self, images: int, options: ASLPOptions, channels: int = 1) -> None:
        super().__init__(images, options, channels)
        expected = (
            "'aslp_mc' or 'aslp_me' with forward_correction. The measured gap bounds alpha by "
            "the network's confidence, which then no longer contains the perturbation"
        )
        controlled = self.perturbs or self.rule.has_constraint
        require("rule", self.rule.name, controlled, expected)
        self.alphas = AdaptiveAlpha(
            images,
            self.technique,
            self.rule.name,
            alpha_step_size=options.alpha_step_size,
            constraint_weight=options.constraint_weight,
            bound_gain=options.bound_gain,
            warm_up=options.alpha_warm_up,
            dynamics=options.dynamics,
            classes=max(channels, 2),
        )

    @property
    def level(self) -> Tensor:
        return self.alphas.alpha

    def after_step(self, index: Tensor, logits: Tensor, labels: Tensor, draws: Draws) -> None:
        if not self.perturbs:
            classes = self.channels if self.channels > 1 else None
            logits = perturbed_logits(logits, self.alphas[index], self.technique, classes=classes)
        self.alphas.update(index, logits, known_labels(logits, labels, -1), ignore_index=-1)

    def after_validation(self, counts: AnyCounts, network: nn.Module) -> None:
        share_alphas(self.alphas)
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
    draws: Draws,
    **options: Any,
) -> Tensor:
    """Compute SC-BCE of each pixel of a batch, from the random numbers of its images.

    Args:
        logits, labels: (N, 1, H, W); for K classes, (N, K, H, W) and class ids (N, H, W).
        alpha: (N,) perturbation levels, or one number for all images.
        technique: the perturbation technique.
        draws: random numbers of the batch.
        options: `use_expected_targets` and `forward_correction` of `sc_bce_with_logits`.
    """
    noise, shape = None, labels.shape[1:]
    if technique.noise:
        noise = draws.of_each(lambda generator: pixel_noise(shape, technique, generator))
    options |= {"reduction": "none", "uniform": draws.uniform, "noise": noise}
    return sc_bce_with_logits(logits, labels, alpha, technique, **options)


class ModelCalibration(ASLP):
    """ASLP with the rule MC, model calibration."""

    name, label, rule = "aslp_mc", "ASLP (MC)", Calibration


class MaximumEntropy(ASLP):
    """ASLP with the rule ME, maximum entropy."""

    name, label, rule = "aslp_me", "ASLP (ME)", Entropy


class MeasuredGapControl(ASLP):
    """ASLP with the measured-gap rule, an extension of this project."""

    name, label, rule = "aslp_gap", "ASLP (measured gap)", MeasuredGap
