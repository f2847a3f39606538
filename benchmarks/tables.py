"""Write every table of a record again, without measuring or training anything.

python benchmarks/tables.py        # after a label, a table's layout or a record has changed
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import comparison
import decoding
import embedded
import evaluation
import kernels
import per_image
import real
import training
from timing import README, put_in_readme

SCRIPTS: dict[ModuleType, Path] = {
    **dict.fromkeys((embedded, evaluation, decoding, training, real, per_image), README),
    kernels: kernels.ROOT / "TEACHING.md",
}
"""What makes a record and its table, and the page of the table."""


def tables() -> Iterator[tuple[str, str, str, Path]]:
    """Each table with the markers before and after it, and its page."""
    for script, page in SCRIPTS.items():
        record = json.loads(script.RESULTS.read_text(encoding="utf-8"))
        yield script.table(record), script.START, script.END, page
    yield comparison.tables(), comparison.START, comparison.END, README
    for preset in comparison.FILES:
        yield comparison.summary(preset), *comparison.markers(preset), comparison.PAGE


if __name__ == "__main__":
    for each in tables():
        put_in_readme(*each)
