"""Exercises: the minimiser of SC-BCE, its inverse, and the gradient noise."""

import torch

from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION, Technique
from aslp_lib.aslp.theory import minimiser, target_variance
from aslp_lib.course.exercises import exercise
from aslp_lib.recalibration.unperturb import undone_logits

_BETAS = (0.0, 0.3, 1.0, 1.5, 2.0)
_GRID = tuple((p, a, b) for p in (0.0, 0.25, 0.8, 1.0) for a in (0.0, 0.1, 0.4) for b in _BETAS)

_TRAINED = tuple(
    (f, a, b)
    for f in (0.03, 0.1, 0.3, 0.5, 0.74, 0.95)
    for a, b in ((0.0, 2.0), (0.1, 2.0), (0.2, 1.0), (0.12, 1.5), (0.4, 1.0))
)


def _posterior(f: float, a: float, b: float) -> float:
    logit = torch.tensor(f, dtype=torch.float64).logit()
    return undone_logits(logit, a * b).sigmoid().item()


def _in_range(p: float) -> float:
    return min(max(p, 0.0), 1.0)


UNDO = exercise(
    "sc_bce/undo",
    grid=_TRAINED,
    right=_posterior,
    mistakes={
        "The result must be a probability. Where f is below alpha*beta/2 or above "
        "1 - alpha*beta/2, return 0 or 1.": lambda f, a, b: (f - a * b / 2) / (1 - a * b),
        "You divided before you subtracted. The term alpha*beta/2 was added last, so subtract it "
        "first.": lambda f, a, b: _in_range(f / (1 - a * b) - a * b / 2),
        "Perturbation adds alpha*beta/2, not alpha*beta, so subtract only half of the "
        "dose.": lambda f, a, b: _in_range((f - a * b) / (1 - a * b)),
        "You subtracted alpha*beta/2, but did not divide by 1 - alpha*beta.": (
            lambda f, a, b: _in_range(f - a * b / 2)
        ),
        "That perturbs the prediction once more. Solve the equation for the posterior.": (
            lambda f, a, b: (1 - a * b) * f + a * b / 2
        ),
        "That uses the units of the release, where beta is half of the paper's beta.": (
            lambda f, a, b: _in_range((f - a * b) / (1 - 2 * a * b))
        ),
    },
)

MINIMISER = exercise(
    "sc_bce/minimiser",
    grid=_GRID,
    right=lambda p, a, b: minimiser(p, a, Technique("exercise", b)),
    tolerance=1e-4,
    mistakes={
        "The term alpha*beta/2 is missing: a perturbed label is moved towards 1/2, not towards "
        "0.": lambda p, a, b: (1 - a * b) * p,
        "Perturbation mixes the label with 1/2, not with 1. Add alpha*beta/2 instead of "
        "alpha*beta.": lambda p, a, b: (1 - a * b) * p + a * b,
        "That is the minimiser of a pixel that is always foreground. Include the "
        "posterior.": lambda p, a, b: 1 - a * b / 2,
        "That is the confidence, max(f, 1 - f). The question asks for f, the probability "
        "P(y=1).": lambda p, a, b: 0.5 + (1 - a * b) * abs(p - 0.5),
        "That uses the units of the release, where beta is half of the paper's beta.": (
            lambda p, a, b: (1 - 2 * a * b) * p + a * b
        ),
        "That is the minimiser of BCE with unperturbed labels.": lambda p, a, b: p,
    },
)

VARIANCE = exercise(
    "sc_bce/variance",
    right=lambda: target_variance(0.1, HARD_INVERSION) / target_variance(0.2, MODERATION),
    tolerance=0.02,
    expects="a ratio, a positive number",
    mistakes={
        "That is the inverse ratio. The variance under hard inversion is the numerator.": 1 / 2.25,
        "That is the ratio of the standard deviations. Square it.": 1.5,
        "The mean gradients are equal, but the variances differ: use alpha(1 - alpha) * "
        "(beta/2)^2.": 1.0,
        "You compared beta^2 alone. The variance of the switch, alpha(1 - alpha), differs too.": (
            2 / 1
        )
        ** 2,
        "You compared the variances of the switches, alpha(1 - alpha), alone. Multiply by "
        "(beta/2)^2.": 0.1 * 0.9 / (0.2 * 0.8),
        "The variance of a switch is alpha(1 - alpha). You omitted 1 - alpha.": 0.1 / 0.2 * 2**2,
    },
)

EXERCISES = (UNDO, MINIMISER, VARIANCE)
