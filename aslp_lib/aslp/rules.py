"""The rules that constrain the perturbation levels: MC, ME, and a measured gap.

Without a constraint, each alpha_i follows its gradient to `alpha_i + eta * grad_i`. A rule limits
this step, using the results of the latest validation. MC and ME are the paper's rules, defined by
their constraint term R_i (Liu et al., ICCV 2023, method figure). The measured gap is an extension
of this project.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from aslp_lib.aslp.perturbation import Technique


class Rule(nn.Module):
    """Base class of the rules. Buffers hold what a rule needs from past validations.

    The formulas are for two classes. For K classes, (K - 1)/K takes the place of 1/2 in
    `1 - beta*alpha_i/2`, the confidence of the expected target.

    Args:
        technique: the perturbation technique.
        bound_gain: change of the bound per unit of measured gap; only `MeasuredGap` has a bound.
        classes: number of classes K.
    """

    name: ClassVar[str]
    """Name of the rule in settings and on the command line."""
    has_constraint: ClassVar[bool] = True
    """True if the rule defines R_i, as the paper's rules do."""
    pace: ClassVar[str] = "alpha_step_size"
    """Name of the setting that decides how fast the alphas rise."""

    state: ClassVar[tuple[str, ...]] = ("accuracy",)
    """Names of the buffers, numbers that start at 0."""
    accuracy: Tensor
    """A, the pixel accuracy of the latest validation."""
    confidence_slope: float
    """Decrease of the expected target's confidence per unit of alpha; beta/2 for two classes."""

    def __init__(self, technique: Technique, bound_gain: float, classes: int = 2) -> None:
        super().__init__()
        self.technique, self.bound_gain = technique, bound_gain
        self.confidence_slope = technique.beta * (classes - 1) / classes
        for name in self.state:
            self.register_buffer(name, torch.tensor(0.0))

    def observe(self, accuracy: float, confidence: float | None, warm_up_over: Tensor) -> None:
        """Store the results of one validation.

        Args:
            accuracy: A, the accuracy over the validation pixels, in [0, 1].
            confidence: C, the mean confidence over the validation pixels, in [0, 1]; None if it was
                not measured.
            warm_up_over: boolean scalar; True if the warm-up ends with or before this validation.
        """
        self.accuracy.fill_(accuracy)

    def ceiling(self, accuracy: float) -> float:
        """Compute how far alphas rise at an accuracy A; by default, to MC's bound.

            min(2 * (1 - A) / beta, alpha_limit)

        For K classes, MC's bound is `K * (1 - A) / ((K - 1) * beta)`.

        Large margins raise the alphas of MC a little above it.
        """
        bound = (1 - accuracy) / max(self.confidence_slope, 1e-12)
        return min(bound, self.technique.alpha_limit)

    def constraint(self, alpha: Tensor) -> Tensor:
        """Compute R_i <= 0 of the explicit update `alpha_i + eta * (grad_i + lambda * R_i)`.

        Only rules with `has_constraint` define it.
        """
        raise NotImplementedError

    def constrain(self, proposed: Tensor, step: float) -> Tensor:
        """Apply the constraint to proposed alphas; by default, by the explicit update.

        Args:
            proposed: (N,) alphas after the gradient step, `alpha_i + eta * grad_i`.
            step: eta * lambda, in alpha per unit of R_i.

        Returns:
            (N,) constrained alphas, not yet clipped to [0, min(1, 1/beta)].
        """
        return proposed + step * self.constraint(proposed)


class Calibration(Rule):
    """Rule MC, model calibration: `R_i = min((1 - beta*alpha_i/2) - A, 0)`.

    The constraint becomes active when the confidence of the expected target, `1 - beta*alpha_i/2`,
    falls below the validation accuracy A. It then pushes alpha_i down, towards the value at which
    the two are equal.
    """

    name = "aslp_mc"

    def constraint(self, alpha: Tensor) -> Tensor:
        target_confidence = 1 - self.confidence_slope * alpha
        return (target_confidence - self.accuracy).clamp(max=0.0)

    def constrain(self, proposed: Tensor, step: float) -> Tensor:
        # The implicit step: the new alpha a solves a = proposed + step * min(1 - slope*a - A, 0).
        slope, error_rate = self.confidence_slope, 1 - self.accuracy
        constrained = (proposed + step * error_rate) / (1 + step * slope)
        return torch.where(slope * proposed > error_rate, constrained, proposed)


class Entropy(Rule):
    """Rule ME, maximum entropy: `R_i = min(A - A_lm, 0)`, equal for all images.

    The constraint becomes active, and pushes all alphas down, when the validation accuracy A falls
    below its landmark A_lm. The paper leaves the landmark undefined; here it is the best accuracy
    so far. The release tracks the best accuracy but never uses it, so it has no ME.
    """

    name = "aslp_me"
    state = ("accuracy", "best_accuracy")
    best_accuracy: Tensor
    """A_lm, the best validation accuracy so far."""

    def observe(self, accuracy: float, confidence: float | None, warm_up_over: Tensor) -> None:
        super().observe(accuracy, confidence, warm_up_over)
        self.best_accuracy.clamp_(min=accuracy)

    def ceiling(self, accuracy: float) -> float:
        return self.technique.alpha_limit

    def constraint(self, alpha: Tensor) -> Tensor:
        return (self.accuracy - self.best_accuracy).clamp(max=0.0)


class MeasuredGap(Rule):
    """Measured-gap rule: alphas stay below a bound b that follows the gap between C and A.

    After each validation, `b <- clip(b + bound_gain * (C - A), 0, b_max)`. C is the network's
    measured mean confidence; MC uses the confidence of the expected targets instead. The upper end
    is `b_max = min(2 * (1 - A) / beta, alpha_limit)`, where alpha_limit, `min(1, 1/beta)`, is the
    largest alpha that leaves decisions unchanged. The bound starts at 0 and stays there during the
    warm-up. This rule is an extension of this project; it is not in the paper.
    """

    name, has_constraint = "aslp_gap", False
    pace = "bound_gain"
    state = ("accuracy", "bound")
    bound: Tensor
    """b, the largest alpha that the rule allows."""

    def observe(self, accuracy: float, confidence: float | None, warm_up_over: Tensor) -> None:
        if confidence is None:
            raise ValueError(
                "confidence is None; expected the mean confidence of the validation pixels, which "
                "the rule 'aslp_gap' needs"
            )
        super().observe(accuracy, confidence, warm_up_over)
        new_bound = self.bound + self.bound_gain * (confidence - accuracy)
        new_bound = new_bound.clamp(0.0, self.ceiling(accuracy))
        self.bound.copy_(torch.where(warm_up_over, new_bound, self.bound))

    def constrain(self, proposed: Tensor, step: float) -> Tensor:
        return torch.minimum(proposed, self.bound)


RULES: dict[str, type[Rule]] = {rule.name: rule for rule in (Calibration, Entropy, MeasuredGap)}
"""Rules by name."""
