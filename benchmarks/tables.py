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
import pandas
import training
import trial as trial_runs
from timing import README, put_in_readme

from aslp_lib.course import trial
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
    yield from trial_tables()


def trial_tables() -> Iterator[tuple[str, str, str, Path]]:
    """Yield the tables of `docs/trial.md`, as `tables` does."""
    page = README.parents[1] / "docs" / "trial.md"
    chosen = json.loads(trial_runs.VALUES.read_text(encoding="utf-8"))
    tuning, units = pandas.read_csv(trial_runs.TUNING), {}
    for data in trial_runs.DATA:
        table = trial.tuning_table(tuning[tuning["data"] == data], chosen[data])
        yield table, f"<!-- tuning of {data} -->", f"<!-- end of tuning of {data} -->", page
        units[data] = pandas.read_csv(trial_runs.power_file(data))
    seeds = {data: len(seeds) for data, seeds in trial_runs.SEEDS.items()}
    yield trial.power_table(units, seeds), "<!-- power -->", "<!-- end of power -->", page


if __name__ == "__main__":
    for arguments in tables():
        put_in_readme(*arguments)
