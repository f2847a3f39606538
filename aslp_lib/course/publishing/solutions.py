"""The notebook with the solutions of all exercises, `notebooks/solutions`: `make solutions`."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from aslp_lib import console
from aslp_lib.course import exercises
from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.publishing.execute import execute
from aslp_lib.files import write

PATH = Path("notebooks") / "solutions" / "solutions.ipynb"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def solutions() -> NotebookNode:
    """Make the notebook, not yet executed."""
    cells = [
        new_markdown_cell(
            "# Solutions of the exercises\n\n"
            "Made from `aslp_lib.course.lessons` by `make solutions`. "
            "Try the exercises first: a wrong answer gets a hint."
        ),
        new_code_cell("from aslp_lib.course import exercises"),
    ]
    for name, lesson in LESSONS.items():
        cells.append(new_markdown_cell(f"## {lesson.title}"))
        for exercise in exercises.of_lesson(name):
            cells += [new_markdown_cell(exercise.markdown), new_code_cell(exercise.solution_cell)]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02}"
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


def main() -> None:
    """Execute the notebook and write it.

    Raises:
        CellExecutionError: a cell failed.
        OSError: the file cannot be written.
    """
    notebook = solutions()
    execute(notebook, PATH.parent)
    notebook.metadata.pop("language_info", None)  # it holds the Python version of this machine
    write(PATH, f"{nbformat.writes(notebook)}\n")


if __name__ == "__main__":
    sys.exit(console.run(main))
