"""Copies of the course for a learner to work in: `aslp course`, or `make lab` in a clone.

A copy has no outputs, which would reveal the answers to predictions, and none of the cells that
only check the results in continuous integration. A learner's changes must not affect the course's
files, and persist between sessions: if a notebook of the course has changed, its copy is replaced
only where the learner has not edited it. The pages that notebooks link to lie beside them.
"""

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from aslp_lib.course.material import course_files
from aslp_lib.files import read, write

FIRST = "notebooks/00_the_bill.ipynb"
PAGES = ("docs/", "examples/", "Dataset/README.md", "benchmarks/README.md", "README.md", "LICENSE")
"""Beginnings of the names of the files that are copied beside the notebooks."""
CI_CHECK = "ci-check"
"""Tag of the cells that only assert what the notebook shows."""
TELLS = ".against("
"""What the cells have in common that compare a prediction with the answer."""
MADE_FROM = "aslp_made_from"
"""Key in a copy's metadata for the fingerprint of its cells when the copy was made."""
SOURCE_LINK = re.compile(r"\[([^]]*)\]\((?:\.\./)+aslp_lib/[^)]*\)")
"""Link to a file of the library, which is not beside the copies."""


def copy_course(folder: Path, full: bool = False) -> Iterator[str]:
    """Copy new and changed notebooks with their pages, and yield what was done.

    Args:
        full: keep outputs and the cells that check them.

    Raises:
        FileNotFoundError: the course's files are missing.
        OSError: a file cannot be written.
    """
    for name, path in sorted(course_files()):
        copy = folder / name
        if path.suffix != ".ipynb":
            if name.startswith(PAGES) and not copy.exists():
                write(copy, read(path))
            continue
        notebook = nbformat.read(path, nbformat.NO_CONVERT)
        if not full:
            notebook = for_learners(notebook)
        for cell in notebook.cells:
            cell.source = SOURCE_LINK.sub(r"\1", cell.source)
        notebook.metadata[MADE_FROM] = fingerprint(notebook)
        if action := _action(copy, notebook):
            yield f"{copy}: {action}"
        if action in ("new", "updated"):
            write(copy, nbformat.writes(notebook))


def open_lab(folder: Path) -> int:
    """Open the copies in JupyterLab, whose kernel is this Python, and return its exit status."""
    # A kernel of the same name that a user has installed elsewhere would come first.
    environment = os.environ | {"JUPYTER_PREFER_ENV_PATH": "1"}
    root = f"--ServerApp.root_dir={folder.resolve()}"  # so that links to pages work
    words = [sys.executable, "-m", "jupyterlab", root, str(folder.resolve() / FIRST)]
    lab = subprocess.Popen(words, env=environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # JupyterLab asks whether Ctrl-C should end it
    return lab.wait()


def for_learners(notebook: NotebookNode) -> NotebookNode:
    """Change a notebook in place to what learners work in, and return it.

    Outputs, execution counts and `CI_CHECK` cells are removed, and cells that tell the answer to a
    prediction are folded.
    """
    notebook.cells = [c for c in notebook.cells if CI_CHECK not in c.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("execution", None)
            if TELLS in cell.source:
                cell.metadata["jupyter"] = {"source_hidden": True}
    notebook.metadata.pop("widgets", None)
    return notebook


def fingerprint(notebook: NotebookNode) -> str:
    """Compute a fingerprint of the cells' types and sources, without their outputs."""
    content = "\0".join(f"{cell.cell_type} {cell.source}" for cell in notebook.cells)
    return hashlib.sha256(content.encode()).hexdigest()


def _action(copy: Path, new: NotebookNode) -> str:
    """Decide what to do about a copy; the result is empty if the copy is up to date."""
    if not copy.exists():
        return "new"
    try:
        old = nbformat.read(copy, nbformat.NO_CONVERT)
        made_from, current = old.metadata.get(MADE_FROM), fingerprint(old)
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
