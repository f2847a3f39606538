"""Links to the library's files lead to their source as a page; other files are copied along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes


def show_source(app: Any, doctree: nodes.document, docname: str) -> None:
    """Of modules that have documentation, whose source `sphinx.ext.viewcode` shows."""
    documented = app.env.domaindata["py"]["modules"]
    for link in list(doctree.findall(addnodes.download_reference)):
        path = Path(app.env.relfn2path(link["reftarget"], docname)[1]).relative_to(app.srcdir)
        module = ".".join(path.with_suffix("").parts)
        if path.suffix == ".py" and module in documented:
            uri = app.builder.get_relative_uri(docname, f"_modules/{module.replace('.', '/')}")
            link.replace_self(nodes.reference("", "", *link.children, refuri=uri, internal=True))


def setup(app: Any) -> dict[str, bool]:
    app.connect("doctree-resolved", show_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
