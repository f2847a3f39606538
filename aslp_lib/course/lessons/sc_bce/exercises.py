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
        "beyond 0 and 1": lambda f, a, b: (f - a * b / 2) / (1 - a * b),
        "divided first": lambda f, a, b: _in_range(f / (1 - a * b) - a * b / 2),
        "whole dose": lambda f, a, b: _in_range((f - a * b) / (1 - a * b)),
        "not divided": lambda f, a, b: _in_range(f - a * b / 2),
        "perturbed again": lambda f, a, b: (1 - a * b) * f + a * b / 2,
        "release": lambda f, a, b: _in_range((f - a * b) / (1 - 2 * a * b)),
    },
)

MINIMISER = exercise(
    "sc_bce/minimiser",
    grid=_GRID,
    right=lambda p, a, b: minimiser(p, a, Technique("exercise", b)),
    tolerance=1e-4,
    mistakes={
        "no constant": lambda p, a, b: (1 - a * b) * p,
        "towards 1": lambda p, a, b: (1 - a * b) * p + a * b,
        "always foreground": lambda p, a, b: 1 - a * b / 2,
        "confidence": lambda p, a, b: 0.5 + (1 - a * b) * abs(p - 0.5),
        "release": lambda p, a, b: (1 - 2 * a * b) * p + a * b,
        "unperturbed": lambda p, a, b: p,
    },
)

VARIANCE = exercise(
    "sc_bce/variance",
    right=lambda: target_variance(0.1, HARD_INVERSION) / target_variance(0.2, MODERATION),
    tolerance=0.02,
    expects="a ratio, a positive number",
    mistakes={
        "inverse": 1 / 2.25,
        "deviations": 1.5,
        "equal": 1.0,
        "betas": (2 / 1) ** 2,
        "switches": 0.1 * 0.9 / (0.2 * 0.8),
        "rare switch": 0.1 / 0.2 * 2**2,
    },
)

EXERCISES = (UNDO, MINIMISER, VARIANCE)
