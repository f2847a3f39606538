"""Exercises: the minimiser of SC-BCE, a threshold for it, and the gradient noise."""

from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION, Technique
from aslp_lib.aslp.theory import minimiser, target_variance
from aslp_lib.course.exercises import exercise

_BETAS = (0.0, 0.3, 1.0, 1.5, 2.0)
_GRID = tuple((p, a, b) for p in (0.0, 0.25, 0.8, 1.0) for a in (0.0, 0.1, 0.4) for b in _BETAS)

_COSTS = tuple(
    (miss, a, b)
    for miss in (1.5, 4.0, 10.0, 50.0)
    for a, b in ((0.0, 2.0), (0.12, 2.0), (0.2, 1.0), (0.2, 1.5), (0.4, 1.0))
)

THRESHOLD = exercise(
    "sc_bce/threshold",
    grid=_COSTS,
    right=lambda miss, a, b: minimiser(1 / miss, a, Technique("exercise", b)),
    tolerance=1e-4,
    mistakes={
        "not perturbed": lambda miss, a, b: 1 / miss,
        "undone": lambda miss, a, b: (1 / miss - a * b / 2) / (1 - a * b),
        "only shifted": lambda miss, a, b: 1 / miss + a * b / 2,
        "only diluted": lambda miss, a, b: (1 - a * b) / miss,
        "whole dose": lambda miss, a, b: (1 - a * b) / miss + a * b,
        "background": lambda miss, a, b: a * b / 2,
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

EXERCISES = (THRESHOLD, MINIMISER, VARIANCE)
