"""The solutions are made from the exercises, and are right."""

from notebook_files import ROOT, cells

from aslp_lib.course.exercises import of_lesson
from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.publishing.solutions import PATH, solutions

CELLS = cells(ROOT / PATH)


def test_the_solutions_are_what_the_generator_makes_now():
    assert [cell.source for cell in CELLS] == [cell.source for cell in solutions().cells]


def test_every_solution_was_told_it_is_right():
    checks = [cell for cell in CELLS if "exercises.check" in cell.source]
    assert len(checks) == sum(len(e.solution_cells) for name in LESSONS for e in of_lesson(name))
    for cell in checks:
        (output,) = cell.outputs
        assert "".join(output["data"]["text/plain"]).startswith("Right:")
