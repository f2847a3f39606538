"""A learner's own copy of the notebooks, without outputs: `make lab`.

An output gives the answer to a prediction away, and what a learner writes must not change the
course. So `make lab` opens `my-notebooks/`, which is kept from one time to the next. A notebook of
the course that has changed since is copied anew only where the learner has not written into the
copy.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from aslp_lib import console
from aslp_lib.files import write

COURSE, OWN = Path("notebooks"), Path("my-notebooks")
BESIDE = ("solutions", "assignments")
"""Folders in the course's that are copied too; what a class is given has the second alone."""
MADE_FROM = "aslp_made_from"
"""In a copy's metadata: what its cells said when it was made."""


def copy_notebooks(course: Path = COURSE, own: Path = OWN) -> list[str]:
    """Copy what is new, and say what was done.

    Raises:
        ValueError: there are no notebooks in `course`.
    """
    found = sorted(path for each in ("", *BESIDE) for path in (course / each).glob("*.ipynb"))
    if not found:
        raise ValueError(
            f"there are no notebooks in {course.resolve()}: call it where README.md is"
        )
    said = []
    for path in found:
        notebook = without_outputs(nbformat.read(path, nbformat.NO_CONVERT))
        copy = own / path.relative_to(course)
        notebook.metadata[MADE_FROM] = cells_of(notebook)
        if what := _to_do(copy, notebook):
            said.append(f"{copy}: {what}")
        if what in ("new", "brought up to date"):
            write(copy, nbformat.writes(notebook))
    return said


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """A notebook as if it had never been run."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
    notebook.metadata.pop("widgets", None)
    return notebook


def cells_of(notebook: NotebookNode) -> str:
    """A fingerprint of what the cells say, without their outputs."""
    told = "\0".join(f"{cell.cell_type} {cell.source}" for cell in notebook.cells)
    return hashlib.sha256(told.encode()).hexdigest()


def _to_do(copy: Path, new: NotebookNode) -> str:
    """What is to be done about a copy; nothing is said of one that is as it should be."""
    if not copy.exists():
        return "new"
    try:
        old = nbformat.read(copy, nbformat.NO_CONVERT)
        made_from, now = old.metadata.get(MADE_FROM), cells_of(old)
    except Exception as error:  # whatever else is in the file, it is the learner's
        return f"left alone, it cannot be read ({error}): rename it to get a new copy"
    if made_from == new.metadata[MADE_FROM]:
        return ""
    if made_from == now:
        return "brought up to date"
    return (
        "left alone, you wrote into it; the course's has changed: rename yours to get the new one"
    )


if __name__ == "__main__":
    sys.exit(console.run(lambda: print("\n".join(copy_notebooks()))))
