"""Sphinx extension that turns notebooks into pages: without checks, with pictures for widgets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from live_pages import element, scripts

from aslp_lib.course.live import KEY
from aslp_lib.course.publishing.copies import CI_CHECK

WIDGET = "application/vnd.jupyter.widget-view+json"
ABOUT = """

:::{note}
This page shows what the notebook computed. Explorers work here, too, and your predictions stay in
this browser. To run and change the code, open the course with `make lab`.
:::
"""
"""Note that is added to the first cell of a notebook."""
NUMBER = re.compile(r"notebooks/(e?\d+)_")
"""Matches the number of a lesson in the name of its page."""
ANSWER = re.compile(r"Answer: (.+)\.$", re.MULTILINE)
"""Matches the answer to a prediction in what a cell prints."""
Notebook = dict[str, Any]


def static(notebook: Notebook) -> None:
    """Change a notebook, a JSON file's contents, to what a page can show.

    Cells of `CI_CHECK` are removed, because their assertions give answers away. Outputs are
    replaced by text and pictures.
    """
    notebook["cells"] = [
        cell for cell in notebook["cells"] if CI_CHECK not in cell["metadata"].get("tags", ())
    ]
    first = notebook["cells"][0]
    first["source"] = "".join(first["source"]) + ABOUT
    widgets: list[str] = []
    add_answers(notebook)
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
            elif plain.startswith("Not answered yet"):
                output["data"] = {"text/html": exercise(" ".join(plain.split()))}
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
    """Return the HTML of a widget's photograph, or of its text if it has none."""
    data = output["data"]
    if "image/png" not in data:
        return f"<p>{escape(''.join(data['text/plain']))}</p>"
    alt = escape(output["metadata"]["image/png"]["alt"])
    source = "".join(data["image/png"].split())
    return f'<img class="dark-light" alt="{alt}" src="data:image/png;base64,{source}">'


def exercise(text: str) -> str:
    """Return the HTML of an exercise, with a note on how to answer it."""
    note = "<span>To answer, open the course: <code>make lab</code>.</span>"
    return f'<p class="exercise">{escape(text)} {note}</p>'


def add_answers(notebook: Notebook) -> None:
    """Add the printed answers to the states of the questions, and tag the cells of both.

    By the tags, the page's script finds what it hides until the reader has answered.
    """
    state: dict[str, Any] = {}
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            shown = output.get("metadata", {}).get(KEY, {}).get("state", {})
            answer = ANSWER.search("".join(output.get("text", "")))
            if "asked" in shown:
                state = shown
                cell["metadata"].setdefault("tags", []).append("prediction")
            elif state and answer:
                is_choice = "options" in state["asked"]
                state["answer"] = answer[1] if is_choice else float(answer[1].split()[0])
                cell["metadata"].setdefault("tags", []).append("answer")
                state = {}


def setup(app: Any) -> dict[str, bool]:
    """Register the extension, which changes every notebook when it is read."""

    def read(app: Any, docname: str, source: list[str]) -> None:
        if str(app.env.doc2path(docname)).endswith(".ipynb"):
            notebook = json.loads(source[0])
            static(notebook)
            if number := NUMBER.match(docname):
                first = notebook["cells"][0]
                first["source"] = first["source"].replace("# ", f"# {number[1]} ", 1)
            source[0] = json.dumps(notebook)

    app.connect("source-read", read)
    return {"parallel_read_safe": True}
