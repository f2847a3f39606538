"""Exercises: a threshold for the minimiser of SC-BCE, and the gradient noise."""

from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION, Technique
from aslp_lib.aslp.theory import minimiser, target_variance
from aslp_lib.course.exercises import exercise

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
        "only multiplied": lambda miss, a, b: (1 - a * b) / miss,
        "whole dose": lambda miss, a, b: (1 - a * b) / miss + a * b,
        "background": lambda miss, a, b: a * b / 2,
    },
)

VARIANCE = exercise(
    "sc_bce/variance",
    right=lambda: target_variance(0.12, HARD_INVERSION) / target_variance(0.24, MODERATION),
    tolerance=0.02,
    expects="a ratio, a positive number",
    mistakes={
        "inverse": 0.432,
        "deviations": 1.522,
        "equal": 1.0,
        "betas": (2 / 1) ** 2,
        "switches": 0.12 * 0.88 / (0.24 * 0.76),
        "rare switch": 0.12 / 0.24 * 2**2,
    },
)

EXERCISES = (THRESHOLD, VARIANCE)
