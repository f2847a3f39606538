"""Exercises of the notebooks: a learner predicts the answer, then checks it.

    answer = 0.33
    exercises.check("03/floor", answer)

Each module holds the name of one notebook and its exercises. The first of them stands in the
notebook; `further` shows the others, which are for homework and assignments. The notebook
of solutions is made from all of them (`python -m aslp_lib.course.publishing.solutions`).
"""

from __future__ import annotations

from IPython.display import Markdown

from aslp_lib.course.exercises import (
    adaptive,
    confidence,
    distribution_shift,
    evaluation,
    maximum_entropy,
    own_data,
    perturbation,
    perturbation_lab,
    release,
    sc_bce,
    stability,
    training,
    which_method,
)
from aslp_lib.course.exercises.framework import Exercise, Verdict, read_only

__all__ = ["EXERCISES", "MODULES", "Exercise", "Verdict", "check", "further", "read_only"]

MODULES = (
    confidence,
    perturbation,
    sc_bce,
    adaptive,
    training,
    evaluation,
    which_method,
    own_data,
    maximum_entropy,
    stability,
    distribution_shift,
    release,
    perturbation_lab,
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


def further(notebook: str) -> Markdown:
    """Show the questions of the exercises that do not stand in a notebook, each with its cell.

    Args:
        notebook: the first two characters of the notebook's name, such as "03".

    Raises:
        ValueError: there is no such notebook.
    """
    modules = {module.NOTEBOOK[:2]: module for module in MODULES}
    if notebook not in modules:
        raise ValueError(f"no exercises of notebook {notebook!r}; expected one of {list(modules)}")
    return Markdown(
        "\n\n".join(
            f"**{exercise.title.capitalize()}.** {exercise.question.strip()}\n\n"
            f"```python\n{exercise.cell}\n```"
            for exercise in modules[notebook].EXERCISES[1:]
        )
    )
