"""Record the comparison of notebook 08 over five seeds, which takes a minute.

`python -m aslp_lib.course.recorded.cells` (or `make weights`) creates the file again.
"""

from __future__ import annotations

import json

from aslp_lib.course.models.own_comparison import Results, compare
from aslp_lib.course.recorded import FOLDER
from aslp_lib.files import write

PATH = FOLDER / "cells.json"


def results() -> Results:
    """Read the recorded results of `compare(range(1, 6), alpha=0.05)`."""
    return json.loads(PATH.read_text(encoding="utf-8"))


if __name__ == "__main__":
    write(PATH, json.dumps(compare(range(1, 6), alpha=0.05), indent=1) + "\n")
