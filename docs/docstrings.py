"""How docstrings are shown where Sphinx's own way does not fit them."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx import addnodes

LONGEST = 120
"""Letters of a value that is worth showing: registries' are not."""


def untyped(
    app: Any, what: str, name: str, held: object, options: object, lines: list[str]
) -> None:
    """Napoleon takes what stands before a colon in an attribute's first line for its type."""
    typed = [line for line in lines if line.startswith(":type: ")]
    if what in ("attribute", "data", "property") and typed:
        lines.remove(typed[0])
        lines[0] = f"{typed[0].removeprefix(':type: ')}: {lines[0]}"


def without_long_values(app: Any, domain: str, kind: str, content: nodes.Element) -> None:
    for part in list(content.parent.findall(addnodes.desc_annotation)):
        if part.astext().startswith(" = ") and len(part.astext()) > LONGEST:
            part.parent.remove(part)


def setup(app: Any) -> dict[str, bool]:
    app.connect("autodoc-process-docstring", untyped, priority=600)  # after napoleon
    app.connect("object-description-transform", without_long_values)
    return {"parallel_read_safe": True}
