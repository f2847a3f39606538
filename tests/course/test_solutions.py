"""The solutions are made from the exercises, and are right."""

import ast
import json
from pathlib import Path

import pytest

from aslp_lib.course.exercises import of_lesson
from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.publishing.solutions import PATH, solutions

ROOT = Path(__file__).parents[2]
CELLS = json.loads((ROOT / PATH).read_text())["cells"]


def names(tree: ast.AST, context: type) -> set[str]:
    nodes = ast.walk(tree)
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, context)}


def test_the_solutions_are_what_the_generator_makes_now():
    assert ["".join(cell["source"]) for cell in CELLS] == [c.source for c in solutions().cells]


def test_every_solution_was_told_it_is_right():
    checks = [cell for cell in CELLS if "exercises.check" in "".join(cell["source"])]
    assert len(checks) == sum(len(of_lesson(lesson)) for lesson in LESSONS)
    for cell in checks:
        (output,) = cell["outputs"]
        assert "".join(output["data"]["text/plain"]).startswith("Right:")


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_solved_exercise_takes_no_name_from_the_notebook(lesson):
    """What a learner who runs the solutions in place sets must not change later cells."""
    cells = json.loads((ROOT / "notebooks" / f"{LESSONS[lesson].notebook}.ipynb").read_text())[
        "cells"
    ]
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    used = names(ast.parse(code), ast.Load)
    for exercise in of_lesson(lesson):
        tree = ast.parse(exercise.solution)
        tree.body = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
        assert not (names(tree, ast.Store) - {"answer"}) & used, exercise.name
