"""Assignments for nbgrader, made from the exercises: `aslp assignments`.

`grading/` becomes nbgrader's course folder. Its folder `source/` gets one assignment for each
lesson that has exercises, from which `nbgrader generate_assignment` makes the version for
students. Files that exist are kept. TEACHING.md describes the commands that follow.
"""

from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from aslp_lib.course.exercises import SECONDS, Exercise, of_lesson
from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.publishing.solutions import KERNEL
from aslp_lib.files import read, write

GRADING = Path("grading")

CONFIG = Path(__file__).with_name("nbgrader_config.txt")
INSTRUCTIONS = Path(__file__).with_name("assignment.md")

IMPORTS = """\
# Import the lesson here: a test cell that writes a warning to stderr would earn no marks.
from aslp_lib.course import exercises
from aslp_lib.course.lessons import {lesson}"""

TEST = """\
import sys

for _name in list(sys.modules):
    if _name.startswith("aslp_lib"):
        del sys.modules[_name]  # a cell above may have changed it, so it is imported again
from aslp_lib.course.exercises import find

find("{name}").grade(answer)"""


def assignment(lesson: str) -> NotebookNode:
    """Make the source notebook of the assignment on one lesson's exercises."""
    exercises = of_lesson(lesson)
    instructions = INSTRUCTIONS.read_text(encoding="utf-8").format(
        **LESSONS[lesson]._asdict(),
        exercises=len(exercises),
        marks=sum(exercise.marks for exercise in exercises),
        seconds=SECONDS,
    )
    cells = [
        new_markdown_cell(instructions.strip(), id="instructions"),
        _code_cell("imports", IMPORTS.format(lesson=lesson), locked=True),
    ]
    for exercise in exercises:
        cells += _exercise_cells(exercise)
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


def _exercise_cells(exercise: Exercise) -> Iterator[NotebookNode]:
    """Yield the question, the solution cell and the test cell of an exercise."""
    name = exercise.name.replace("/", "-")
    marks = "1 mark" if exercise.marks == 1 else f"{exercise.marks} marks"
    yield new_markdown_cell(f"{exercise.markdown}\n\n({marks})", id=f"question-{name}")
    solution = f"### BEGIN SOLUTION\n{exercise.solution}\n### END SOLUTION"
    yield _code_cell(f"answer-{name}", f"{exercise.blank}\n{solution}", solution=True)
    test = TEST.format(name=exercise.name)
    yield _code_cell(f"test-{name}", test, grade=True, locked=True, points=exercise.marks)


def _code_cell(name: str, source: str, **values: bool | int) -> NotebookNode:
    """Make a code cell with the metadata by which nbgrader identifies it."""
    flags = {"grade": False, "locked": False, "solution": False, "task": False} | values
    nbgrader = {"schema_version": 3, "grade_id": name, "cell_type": "code"} | flags
    return new_code_cell(source, id=name, metadata={"nbgrader": nbgrader})


def write_assignments() -> Iterator[str]:
    """Write the assignments and `nbgrader_config.py`.

    A file that exists is kept, because a teacher may have edited it.

    Yields:
        A line for each assignment that is kept although the exercises would give another.

    Raises:
        OSError: a file cannot be written.
    """
    config = GRADING / "nbgrader_config.py"
    if not config.exists():
        write(config, read(CONFIG))
    for lesson in filter(of_lesson, LESSONS):
        path = GRADING / "source" / lesson / f"{lesson}.ipynb"
        content = f"{nbformat.writes(assignment(lesson))}\n"
        if not path.exists():
            write(path, content)
        elif read(path) != content.encode():
            yield f"kept: {path}, which differs from the exercises. Delete it to write it again."
