"""Sphinx extension that lets long names in tables break, so that no column leaves the page."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

JOINT = re.compile(r"(?<=[._/=])(?=\w)")
"""Positions where a name may break: after a dot, an underscore, a slash or an equals sign."""


def add_breaks(app: Any, doctree: nodes.document, docname: str) -> None:
    """Add `<wbr>` to names in tables, because browsers break only at spaces and hyphens."""
    for cell in doctree.findall(nodes.entry):
        for name in list(cell.findall(nodes.literal)):
            first, *others = JOINT.split(name.astext())
            name.clear()
            name += nodes.Text(first)
            for part in others:
                name += [nodes.raw("", "<wbr>", format="html"), nodes.Text(part)]


def setup(app: Any) -> dict[str, bool]:
    """Register the extension."""
    app.connect("doctree-resolved", add_breaks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
