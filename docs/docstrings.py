"""Sphinx extension that corrects how autodoc shows the docstrings and values of attributes."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx import addnodes

LONGEST = 120
"""Maximal number of characters of a value that is shown. The values of registries are longer."""


def untyped(app: Any, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Undo Napoleon's reading of an attribute's first words before a colon as its type."""
    typed = [line for line in lines if line.startswith(":type: ")]
    if what in ("attribute", "data", "property") and typed:
        lines.remove(typed[0])
        lines[0] = f"{typed[0].removeprefix(':type: ')}: {lines[0]}"


def without_long_values(app: Any, domain: str, kind: str, content: nodes.Element) -> None:
    """Remove values longer than `LONGEST` from the signatures of attributes."""
    for part in list(content.parent.findall(addnodes.desc_annotation)):
        if part.astext().startswith(" = ") and len(part.astext()) > LONGEST:
            part.parent.remove(part)


def setup(app: Any) -> dict[str, bool]:
    """Register the extension."""
    app.connect("autodoc-process-docstring", untyped, priority=600)  # after Napoleon
    app.connect("object-description-transform", without_long_values)
    return {"parallel_read_safe": True}
