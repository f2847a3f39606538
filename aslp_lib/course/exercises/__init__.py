"""Exercises of the notebooks: predict, then check.

    answer = 0.9
    exercises.check("03/confidence", answer)

One module a notebook, each with the notebook's name and its exercises in order; the solutions in
`notebooks/solutions/` are made from them (`python -m aslp_lib.course.publishing.solutions`).
"""

from __future__ import annotations

from aslp_lib.course.exercises import (
    adaptive,
    confidence,
    cures,
    evaluation,
    level_lab,
    own_data,
    perturbation,
    release,
    sc_bce,
    training,
)
from aslp_lib.course.exercises.framework import Exercise, Verdict, read_only

__all__ = ["EXERCISES", "MODULES", "Exercise", "Verdict", "check", "read_only"]

MODULES = (
    confidence,
    perturbation,
    sc_bce,
    adaptive,
    training,
    evaluation,
    cures,
    own_data,
    release,
    level_lab,
)
EXERCISES: dict[str, Exercise] = {e.name: e for module in MODULES for e in module.EXERCISES}


def check(name: str, answer: object) -> Verdict:
    """The verdict on an answer to the exercise of that name.

    Raises:
        ValueError: there is no such exercise.
    """
    if name not in EXERCISES:
        raise ValueError(f"there is no exercise {name!r}: there are {', '.join(EXERCISES)}")
    return EXERCISES[name].check(answer)
