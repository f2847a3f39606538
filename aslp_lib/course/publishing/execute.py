"""Execution of notebooks in place.

    python -m aslp_lib.course.publishing.execute notebooks/*.ipynb

Executing an unchanged notebook again on the same machine leaves its file unchanged.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from aslp_lib.files import write

WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Execute every cell in a fresh kernel, and store the outputs in the notebook.

    Two differences between runs are removed: the parts of a stream are joined in each cell, and the
    random ids of widgets, whose state is not stored, are replaced by consecutive numbers.

    Args:
        folder: working directory of the kernel.

    Raises:
        CellExecutionError: a cell failed.
    """
    NotebookClient(
        notebook,
        timeout=600,
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    ids: dict[str, str] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for output in cell.outputs:
                if view := output.get("data", {}).get(WIDGET):
                    view["model_id"] = ids.setdefault(view["model_id"], f"{len(ids):032x}")


def main(paths: Sequence[Path]) -> int:
    """Execute notebooks and write them; return 1 if a notebook failed, and 0 otherwise.

    The path of a notebook that failed is printed, and its file is left unchanged.
    """
    status = 0
    for path in paths:
        print(path, flush=True)
        notebook = nbformat.read(path, as_version=4)
        try:
            execute(notebook, path.parent)
        except CellExecutionError as error:
            print(f"{path} was left unchanged, because a cell failed:\n{error}", file=sys.stderr)
            status = 1
        else:
            write(path, nbformat.writes(notebook) + "\n")
    return status


if __name__ == "__main__":
    raise SystemExit(main([Path(name) for name in sys.argv[1:]]))
