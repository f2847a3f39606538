"""The course's notebooks as they are committed."""

import json
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str | None = None) -> list[SimpleNamespace]:
    """The cells of a notebook that hold something, or those of one kind: code or markdown.

    The `source` of a cell is a single text; its `outputs`, `tags` and `metadata` may be empty.
    """
    made = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        metadata, source = cell["metadata"], "".join(cell["source"])
        known = {"outputs": [], "execution_count": None, "tags": metadata.get("tags", [])}
        if source.strip() and kind in (None, cell["cell_type"]):
            made.append(SimpleNamespace(**{**known, **cell, "source": source}))
    return made
