"""Copies of the notebooks for a learner to work in: `make lab`.

A copy has no outputs, which would reveal the answers to predictions, and none of the cells that
only check the results in continuous integration. A learner's changes must not affect the course's
files. Therefore `make lab` opens `my-notebooks/`, which persists between sessions. If a
notebook of the course has changed, its copy is replaced only where the learner has not edited it.
"""

import hashlib
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from aslp_lib import console
from aslp_lib.files import write

COURSE, OWN = Path("notebooks"), Path("my-notebooks")
BESIDE = ("solutions", "assignments")
"""Subfolders that are copied too; the archive for students has the second one only."""
CI_CHECK = "ci-check"
"""Tag of the cells that only assert what the notebook shows."""
MADE_FROM = "aslp_made_from"
"""Key in a copy's metadata for the fingerprint of its cells when the copy was made."""


def copy_notebooks(course: Path = COURSE, copies: Path = OWN) -> list[str]:
    """Copy new and changed notebooks, and report what was done.

    Raises:
        ValueError: `course` contains no notebooks.
    """
    paths = sorted(path for folder in ("", *BESIDE) for path in (course / folder).glob("*.ipynb"))
    if not paths:
        raise ValueError(
            f"no notebooks in {course.resolve()}; expected the course's. Run this in the "
            "project's folder."
        )
    messages = []
    for path in paths:
        notebook = for_learners(nbformat.read(path, nbformat.NO_CONVERT))
        copy = copies / path.relative_to(course)
        notebook.metadata[MADE_FROM] = cells_of(notebook)
        if action := _action(copy, notebook):
            messages.append(f"{copy}: {action}")
        if action in ("new", "updated"):
            write(copy, nbformat.writes(notebook))
    return messages


def for_learners(notebook: NotebookNode) -> NotebookNode:
    """Remove outputs, execution counts and `CI_CHECK` cells, in place, and return the notebook."""
    notebook.cells = [c for c in notebook.cells if CI_CHECK not in c.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
    notebook.metadata.pop("widgets", None)
    return notebook


def cells_of(notebook: NotebookNode) -> str:
    """Compute a fingerprint of the cells' types and sources, without their outputs."""
    content = "\0".join(f"{cell.cell_type} {cell.source}" for cell in notebook.cells)
    return hashlib.sha256(content.encode()).hexdigest()


def _action(copy: Path, new: NotebookNode) -> str:
    """Decide what to do about a copy; the result is empty if the copy is up to date."""
    if not copy.exists():
        return "new"
    try:
        old = nbformat.read(copy, nbformat.NO_CONVERT)
        made_from, current = old.metadata.get(MADE_FROM), cells_of(old)
    except Exception as error:  # whatever the file contains is the learner's
        return f"left unchanged: it cannot be read ({error}). Rename it to get a new copy."
    if made_from == new.metadata[MADE_FROM]:
        return ""
    if made_from == current:
        return "updated"
    return (
        "left unchanged: you have edited it, and the course's notebook has changed. "
        "Rename your copy to get the new one."
    )


if __name__ == "__main__":
    sys.exit(console.run(lambda: print("\n".join(copy_notebooks()))))
