"""The notebook of solutions, `notebooks/solutions`: `make solutions`.

The exercises have solutions, alternatives and typical errors; the notebooks have the questions to
think about, whose answers are folded there.
"""

import re
import sys

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from aslp_lib import console
from aslp_lib.course import exercises
from aslp_lib.course.lessons import LESSONS, Lesson
from aslp_lib.course.material import NOTEBOOKS
from aslp_lib.course.publishing.execute import execute
from aslp_lib.files import write

PATH = NOTEBOOKS / "solutions" / "solutions.ipynb"
FOLDED = re.compile(
    r"## (To think about\n\n.+?)\n\n<details>\n<summary>An answer</summary>\n\n(.+?)\n\n</details>",
    re.S,
)
"""The question at the end of a notebook, and its answer."""
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def solutions() -> NotebookNode:
    """Make the notebook, not yet executed."""
    cells = [
        new_markdown_cell(
            "# Solutions of the exercises, and answers to the questions\n\n"
            "Made from `aslp_lib.course.lessons` and the notebooks by `make solutions`. "
            "Try the exercises first: a wrong answer gets a hint."
        ),
        new_code_cell("from aslp_lib.course import exercises"),
    ]
    for name, lesson in LESSONS.items():
        cells.append(new_markdown_cell(f"## {lesson.title}"))
        for exercise in exercises.of_lesson(name):
            cells.append(new_markdown_cell(exercise.markdown))
            cells += map(new_code_cell, exercise.solution_cells)
            cells.append(new_markdown_cell(exercise.errors))
        cells.append(new_markdown_cell(_answered(lesson)))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02}"
    first = nbformat.read(NOTEBOOKS / "00_the_bill.ipynb", nbformat.NO_CONVERT).cells[1]
    cells.insert(1, first)  # what to do if the kernel lacks the library
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})


def _answered(lesson: Lesson) -> str:
    """Return the question of a lesson with its answer; links start in the folder of solutions."""
    notebook = nbformat.read(NOTEBOOKS / f"{lesson.notebook}.ipynb", nbformat.NO_CONVERT)
    (found,) = filter(None, (FOLDED.search(cell.source) for cell in notebook.cells))
    text = "### {}\n\n**Answer.** {}".format(*found.groups())
    return re.sub(r"\]\((?!\w+:)", "](../", text)


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
