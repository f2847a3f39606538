"""Names in tables may be broken at their joints: else one column pushes others off the page."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

JOINT = re.compile(r"(?<=[._/=])(?=\w)")


def add_breaks(app: Any, doctree: nodes.document, docname: str) -> None:
    """A browser breaks at spaces and hyphens alone."""
    for cell in doctree.findall(nodes.entry):
        for name in list(cell.findall(nodes.literal)):
            first, *others = JOINT.split(name.astext())
            name.clear()
            name += nodes.Text(first)
            for part in others:
                name += [nodes.raw("", "<wbr>", format="html"), nodes.Text(part)]


def setup(app: Any) -> dict[str, bool]:
    app.connect("doctree-resolved", add_breaks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
