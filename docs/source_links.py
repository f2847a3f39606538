"""Sphinx extension that turns links to the library's files into links to their source pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes


def show_source(app: Any, doctree: nodes.document, docname: str) -> None:
    """Redirect links to documented modules, whose source pages `sphinx.ext.viewcode` makes.

    Links to other files remain downloads.
    """
    documented = app.env.domaindata["py"]["modules"]
    for link in list(doctree.findall(addnodes.download_reference)):
        path = Path(app.env.relfn2path(link["reftarget"], docname)[1]).relative_to(app.srcdir)
        module = ".".join(path.with_suffix("").parts)
        if path.suffix == ".py" and module in documented:
            uri = app.builder.get_relative_uri(docname, f"_modules/{module.replace('.', '/')}")
            link.replace_self(nodes.reference("", "", *link.children, refuri=uri, internal=True))


def setup(app: Any) -> dict[str, bool]:
    """Register the extension."""
    app.connect("doctree-resolved", show_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
