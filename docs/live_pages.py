"""The course's widgets on a page without a kernel: elements with their state, and scripts.

A page that is opened as a file can neither import a module nor load records, so both are inline.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from html import escape
from pydoc import locate
from typing import Any

from aslp_lib.course.live import STYLE, Live, script


def _class(widget: str) -> type[Live]:
    kind = locate(widget)
    if not (isinstance(kind, type) and issubclass(kind, Live)):
        raise ValueError(
            f"the widget is {widget!r}; expected a class of aslp_lib that is a Live widget. "
            "Run the notebook again."
        )
    return kind


def element(data: Mapping[str, Any], still: str) -> str:
    """Return the HTML of a widget, which shows `still` unless its script runs.

    Args:
        data: `Live.page_data` of the widget, from the metadata of its output.
        still: HTML of a text or a picture.
    """
    kind: Any = _class(data["widget"])
    state = data["state"] if "state" in data else kind().state
    # A "</script>" within the JSON would end it.
    inline = json.dumps(state).replace("<", "\\u003c")
    return (
        f'<div data-live="{escape(kind.__module__)}">{still}'
        f'<script type="application/json">{inline}</script></div>'
    )


def scripts(widgets: Collection[str]) -> str:
    """Return the HTML of style and scripts that show all elements of these classes on a page."""
    modules = dict.fromkeys(_class(widget).__module__ for widget in widgets)
    blocks = [
        f'<script type="module">\n{script(module)}\nmount({module!r}, render);\n</script>'
        for module in modules
    ]
    return f"<style>\n{STYLE}</style>\n" + "\n".join(blocks)
