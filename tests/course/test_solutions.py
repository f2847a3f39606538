"""The solutions are made from the exercises, and are right."""

import json
from pathlib import Path

from aslp_lib.course.exercises import of_lesson
from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.publishing.solutions import PATH, solutions

ROOT = Path(__file__).parents[2]
CELLS = json.loads((ROOT / PATH).read_text())["cells"]


def test_the_solutions_are_what_the_generator_makes_now():
    assert ["".join(cell["source"]) for cell in CELLS] == [c.source for c in solutions().cells]


def test_every_solution_was_told_it_is_right():
    checks = [cell for cell in CELLS if "exercises.check" in "".join(cell["source"])]
    assert len(checks) == sum(len(e.solution_cells) for name in LESSONS for e in of_lesson(name))
    for cell in checks:
        (output,) = cell["outputs"]
        assert "".join(output["data"]["text/plain"]).startswith("Right:")
