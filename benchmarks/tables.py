"""Write all tables again from their records, without measuring or training anything.

python benchmarks/tables.py        # after a label, a table's layout or a record has changed
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import comparison
import ece_intervals
import evaluation
import image_wise
import training
from timing import README, put_in_readme

from aslp_lib.course.models import letters

SCRIPTS = (evaluation, training, image_wise, ece_intervals)
"""Modules with a record and its table in `README.md`."""


def tables() -> Iterator[tuple[str, str, str, Path]]:
    """Yield each table with the markers before and after it, and its page."""
    for script in SCRIPTS:
        record = json.loads(script.RESULTS.read_text(encoding="utf-8"))
        yield script.table(record), script.START, script.END, README
    yield comparison.tables(), comparison.START, comparison.END, README
    for preset in comparison.FILES:
        yield comparison.summary(preset), *comparison.markers(preset), comparison.PAGE
    for page in (README.parents[1] / "README.md", comparison.PAGE):
        yield letters.verdict(), "<!-- verdict -->", "<!-- end of verdict -->", page


if __name__ == "__main__":
    for arguments in tables():
        put_in_readme(*arguments)
