"""Record the comparison of notebook 08 over five seeds, which takes a minute.

`python -m aslp_lib.course.recorded.cells` (or `make weights`) creates the file again.
"""

from __future__ import annotations

import json

import pandas as pd

from aslp_lib.course.models.own_comparison import Results, compare
from aslp_lib.course.recorded import FOLDER
from aslp_lib.files import write

PATH = FOLDER / "cells.json"


def results() -> Results:
    """Read the recorded results of `compare(range(1, 6), alpha=0.05)`."""
    records = json.loads(PATH.read_text(encoding="utf-8"))
    return {label: pd.DataFrame(rows) for label, rows in records.items()}


if __name__ == "__main__":
    compared = compare(range(1, 6), alpha=0.05)
    records = {label: frame.to_dict("records") for label, frame in compared.items()}
    write(PATH, json.dumps(records, indent=1) + "\n")
