"""Exercises of the notebooks: a learner predicts the answer, then checks it.

    answer = 0.9
    exercises.check("03/confidence", answer)

Each module holds the name of one notebook and its exercises in order. The solutions in
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
    """Check an answer to the exercise of this name.

    Raises:
        ValueError: there is no such exercise.
    """
    if name not in EXERCISES:
        raise ValueError(f"no exercise {name!r}; expected one of {', '.join(EXERCISES)}")
    return EXERCISES[name].check(answer)
