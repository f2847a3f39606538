"""Sphinx extension that replaces the widgets of notebooks by text and pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container
from html import escape
from typing import Any

WIDGET = "application/vnd.jupyter.widget-view+json"
EXPLORER = re.compile(r"explorers\.(\w+)\(")
"""Matches the name of the explorer that a cell shows."""
ABOUT = """

:::{note}
This page shows what the notebook computed. To run it, to predict before the answer shows and to
move the controls, open the course with `make lab`.
:::
"""
"""Note that is added to the first cell of a notebook."""
Notebook = dict[str, Any]


def static(notebook: Notebook, frames_html: Callable[[str], str], framed: Container[str]) -> None:
    """Replace the outputs of a notebook by outputs that a page can show, in place.

    Args:
        notebook: contents of the JSON file.
        frames_html: function from the name of an explorer to the HTML of its frames.
        framed: names of the explorers that have frames.
    """
    first = notebook["cells"][0]
    first["source"] = "".join(first["source"]) + ABOUT
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                alt = output["metadata"]["image/png"]["alt"]
                # myst-nb reads the alt text of a cell's picture only from this key.
                cell["metadata"].setdefault("mystnb", {})["image"] = {"alt": alt}
            explorer = EXPLORER.search("".join(cell["source"]))
            plain = "".join(data.get("text/plain", ""))
            if WIDGET in data and explorer and explorer[1] in framed:
                output["data"] = {"text/html": frames_html(explorer[1])}
            elif plain.startswith("Your prediction. "):
                output["data"] = {"text/html": said("prediction", plain)}
            elif plain.startswith("Not answered yet"):
                output["data"] = {"text/html": said("exercise", " ".join(plain.split()))}
            elif "image/png" in data:
                data.pop(WIDGET, None)
        # The remaining widgets are progress bars.
        cell["outputs"] = [o for o in cell["outputs"] if WIDGET not in o.get("data", {})]


def said(kind: str, text: str) -> str:
    """Return the HTML of a prediction or an exercise, with a note on how to answer it."""
    note = "<span>To answer, open the course: <code>make lab</code>.</span>"
    return f'<p class="{kind}">{escape(text)} {note}</p>'


def setup(app: Any) -> dict[str, bool]:
    """Register the extension, which changes every notebook when it is read."""
    from frames import FRAMES, frames_html

    def read(app: Any, docname: str, source: list[str]) -> None:
        if str(app.env.doc2path(docname)).endswith(".ipynb"):
            notebook = json.loads(source[0])
            static(notebook, frames_html, FRAMES)
            source[0] = json.dumps(notebook)

    app.connect("source-read", read)
    return {"parallel_read_safe": True}
