"""Exercises stand in the notebooks in their own words, and the solutions are made from them."""

import ast
import json
from pathlib import Path

import pytest

from aslp_lib.course.exercises import MODULES
from aslp_lib.course.publishing.solutions import FOLDER, solutions

ROOT = Path(__file__).parents[2]


def sources(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]


def names(code: str, context: type) -> set[str]:
    nodes = ast.walk(ast.parse(code))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, context)}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.NOTEBOOK)
class TestNotebook:
    def test_the_solutions_are_what_the_generator_makes_now(self, module):
        path = ROOT / FOLDER / f"{module.NOTEBOOK}.ipynb"
        assert sources(path) == [cell.source for cell in solutions(module).cells]

    def test_every_solution_was_told_it_is_right(self, module):
        path = ROOT / FOLDER / f"{module.NOTEBOOK}.ipynb"
        cells = json.loads(path.read_text())["cells"]
        checks = [c for c in cells if "exercises.check" in "".join(c["source"])]
        assert len(checks) == len(module.EXERCISES)
        for cell in checks:
            (output,) = cell["outputs"]
            assert "".join(output["data"]["text/plain"]).startswith("Right:")

    def test_a_solved_exercise_takes_no_name_from_the_notebook(self, module):
        """What a learner who runs the solutions in place sets must not change later cells."""
        cells = json.loads((ROOT / "notebooks" / f"{module.NOTEBOOK}.ipynb").read_text())["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        used = names(code, ast.Load)
        for exercise in module.EXERCISES:
            assert not (names(exercise.solution, ast.Store) - {"answer"}) & used, exercise.name
