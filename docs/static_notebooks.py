"""Sphinx extension that replaces the widgets of notebooks by text and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from live_pages import element, scripts

from aslp_lib.course.live import KEY

WIDGET = "application/vnd.jupyter.widget-view+json"
ABOUT = """

:::{note}
This page shows what the notebook computed. Explorers work here, too. To run and change the code,
and to predict before the answer shows, open the course with `make lab`.
:::
"""
"""Note that is added to the first cell of a notebook."""
Notebook = dict[str, Any]


def static(notebook: Notebook) -> None:
    """Replace the outputs of a notebook, a JSON file's contents, by what a page can show."""
    first = notebook["cells"][0]
    first["source"] = "".join(first["source"]) + ABOUT
    widgets: list[str] = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "image/png" in data:
                alt = output["metadata"]["image/png"]["alt"]
                # myst-nb reads the alt text of a cell's picture only from this key.
                cell["metadata"].setdefault("mystnb", {})["image"] = {"alt": alt}
            plain = "".join(data.get("text/plain", ""))
            if live := output.get("metadata", {}).get(KEY):
                widgets.append(live["widget"])
                output["data"] = {"text/html": element(live, still(output))}
            elif plain.startswith("Your prediction. "):
                output["data"] = {"text/html": said("prediction", plain)}
            elif plain.startswith("Not answered yet"):
                output["data"] = {"text/html": said("exercise", " ".join(plain.split()))}
            elif "image/png" in data:
                data.pop(WIDGET, None)
        # The remaining widgets are progress bars.
        cell["outputs"] = [o for o in cell["outputs"] if WIDGET not in o.get("data", {})]
    if widgets:
        last = {
            "output_type": "display_data",
            "metadata": {},
            "data": {"text/html": scripts(widgets)},
        }
        shown = [cell for cell in notebook["cells"] if cell.get("outputs")]
        shown[-1]["outputs"].append(last)


def still(output: Mapping[str, Any]) -> str:
    """Return the HTML of a widget's picture, or of its text if it has no picture."""
    data = output["data"]
    if "image/png" not in data:
        return f"<p>{escape(''.join(data['text/plain']))}</p>"
    alt = escape(output["metadata"]["image/png"]["alt"])
    source = "".join(data["image/png"].split())
    return f'<img class="dark-light" alt="{alt}" src="data:image/png;base64,{source}">'


def said(kind: str, text: str) -> str:
    """Return the HTML of a prediction or an exercise, with a note on how to answer it."""
    note = "<span>To answer, open the course: <code>make lab</code>.</span>"
    return f'<p class="{kind}">{escape(text)} {note}</p>'


def setup(app: Any) -> dict[str, bool]:
    """Register the extension, which changes every notebook when it is read."""

    def read(app: Any, docname: str, source: list[str]) -> None:
        if str(app.env.doc2path(docname)).endswith(".ipynb"):
            notebook = json.loads(source[0])
            static(notebook)
            source[0] = json.dumps(notebook)

    app.connect("source-read", read)
    return {"parallel_read_safe": True}
