"""What holds the levels back: the paper's two rules and this project's measured gap.

A level climbs along its gradient to `proposed = alpha + eta * grad`; its rule, which sees every
validation, says where it may stand. Sources: Liu et al., ICCV 2023, method figure, for MC and ME.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from aslp_lib.aslp.perturbation import Technique


class Rule(nn.Module):
    """One rule, with what it remembers of the validations in buffers.

    Args:
        technique: how labels are perturbed.
        bound_gain: how far the rule moves its bound per unit of measured gap; only the measured
            gap has a bound of its own.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    """What tables and figures call it."""

    accuracy: Tensor

    def __init__(self, technique: Technique, bound_gain: float) -> None:
        super().__init__()
        self.technique, self.bound_gain = technique, bound_gain
        self.register_buffer("accuracy", torch.tensor(0.0))

    def observe(self, accuracy: float, confidence: float | None, warm: Tensor) -> None:
        """See one validation.

        Args:
            accuracy, confidence: of its pixels, shares in [0, 1].
            warm: boolean, whether the warm-up is over.
        """
        self.accuracy.fill_(accuracy)

    def constraint(self, alpha: Tensor) -> Tensor:
        """R of the paper's update `alpha + eta * (grad + lambda * R)`, at most 0. Only the paper's
        rules need one: the release's dynamics take it as it is."""
        raise ValueError(
            f"the paper has no rule {self.name!r}, nor has the release a step for it: use "
            "'calibration' or 'entropy'"
        )

    def constrain(self, proposed: Tensor, step: float) -> Tensor:
        """The new levels, before they are cut to their limits.

        Args:
            proposed: (N,) where the gradient alone would take them.
            step: eta * lambda, alpha per unit of R.
        """
        raise NotImplementedError


class Calibration(Rule):
    """MC: `R_i = min((1 - beta*alpha_i/2) - A, 0)` gives way when the target's expected confidence
    falls under the validation's accuracy A."""

    name, label = "calibration", "ASLP (MC)"

    def constraint(self, alpha: Tensor) -> Tensor:
        expected = 1 - self.technique.beta / 2 * alpha
        return (expected - self.accuracy).clamp(max=0.0)

    def constrain(self, proposed: Tensor, step: float) -> Tensor:
        # Solve a = proposed + step * min(1 - beta*a/2 - A, 0) for the new a.
        half = self.technique.beta / 2
        room = 1 - self.accuracy
        held = (proposed + step * room) / (1 + step * half)
        return torch.where(half * proposed > room, held, proposed)


class Entropy(Rule):
    """ME: `R_i = min(A - A_best, 0)` gives way when accuracy falls under its landmark, here the
    best accuracy so far (the figure leaves the landmark open; the release tracks this one, but
    never uses it: it has no ME)."""

    name, label = "entropy", "ASLP (ME)"

    best_accuracy: Tensor

    def __init__(self, technique: Technique, bound_gain: float) -> None:
        super().__init__(technique, bound_gain)
        self.register_buffer("best_accuracy", torch.tensor(0.0))

    def observe(self, accuracy: float, confidence: float | None, warm: Tensor) -> None:
        super().observe(accuracy, confidence, warm)
        self.best_accuracy.clamp_(min=accuracy)

    def constraint(self, alpha: Tensor) -> Tensor:
        return (self.accuracy - self.best_accuracy).clamp(max=0.0)

    def constrain(self, proposed: Tensor, step: float) -> Tensor:
        return proposed + step * self.constraint(proposed)


class MeasuredGap(Rule):
    """This project's extension: a bound that follows the *measured* gap between confidence C and
    accuracy A, `b <- clip(b + bound_gain * (C - A), 0, 2 * (1 - A) / beta)`."""

    name, label = "measured_gap", "ASLP (measured gap)"

    bound: Tensor

    def __init__(self, technique: Technique, bound_gain: float) -> None:
        super().__init__(technique, bound_gain)
        self.register_buffer("bound", torch.tensor(0.0))

    def observe(self, accuracy: float, confidence: float | None, warm: Tensor) -> None:
        if confidence is None:
            raise ValueError(
                "the rule 'measured_gap' needs the mean confidence of the validation too"
            )
        super().observe(accuracy, confidence, warm)
        ceiling = min(
            2 * (1 - accuracy) / max(self.technique.beta, 1e-12), self.technique.alpha_limit
        )
        moved = self.bound + self.bound_gain * (confidence - accuracy)
        self.bound.copy_(torch.where(warm, moved.clamp(0.0, ceiling), self.bound))

    def constrain(self, proposed: Tensor, step: float) -> Tensor:
        return torch.minimum(proposed, self.bound)


RULES: dict[str, type[Rule]] = {rule.name: rule for rule in (Calibration, Entropy, MeasuredGap)}
