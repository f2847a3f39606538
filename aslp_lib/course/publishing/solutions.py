"""Notebooks with the solutions of the exercises, in `notebooks/solutions/`: `make solutions`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from aslp_lib import console
from aslp_lib.course.exercises import MODULES
from aslp_lib.course.publishing.execute import execute
from aslp_lib.files import write

FOLDER = Path("notebooks") / "solutions"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def solutions(module: ModuleType) -> NotebookNode:
    """Make the notebook of solutions to one notebook's exercises, not yet executed."""
    cells = [
        new_markdown_cell(
            f"# Solutions: `{module.NOTEBOOK}`\n\n"
            "Made from `aslp_lib.course.exercises` by `make solutions`. "
            "Try the exercises first: a wrong answer gets a hint there."
        ),
        new_code_cell("from aslp_lib.course import exercises"),
    ]
    for exercise in module.EXERCISES:
        question = exercise.markdown.replace("### ", "## ", 1)  # no section stands above it
        cells += [new_markdown_cell(question), new_code_cell(exercise.solution_cell)]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02}"
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


def main() -> None:
    """Execute the notebooks of solutions and write them.

    Raises:
        CellExecutionError: a cell failed.
        OSError: a file cannot be written.
    """
    for module in MODULES:
        notebook = solutions(module)
        execute(notebook, FOLDER)
        notebook.metadata.pop("language_info", None)  # it holds the Python version of this machine
        write(FOLDER / f"{module.NOTEBOOK}.ipynb", f"{nbformat.writes(notebook)}\n")


if __name__ == "__main__":
    sys.exit(console.run(main))
