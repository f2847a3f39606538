"""Records of the first trial of `docs/first_trial.md`, whose runs several lessons show.

A record is a row per run, kept weights, recalibration, set and field of view.
"""

import pandas

from aslp_lib.course.recorded import FOLDER
from aslp_lib.course.second_trial import select

Column = tuple[str, str, str]
"""Score, recalibration and set."""
SCALED: Column = ("nll", "temperature_scaling", "test")
"""The score by which that trial judged."""


def read(name: str) -> pandas.DataFrame:
    """Read records of the trial: "shapes", "nuclei" or "mechanism"."""
    path = FOLDER / f"trial_{name}.csv"
    return pandas.read_csv(path, keep_default_na=False, na_values=["", "nan"])


def scores(
    frame: pandas.DataFrame, method: str, column: Column = SCALED, *, pooled: bool = False
) -> pandas.DataFrame:
    """Return a score of a method, seeds x fields; a single column 0 for a set without fields.

    Args:
        pooled: return the score of the whole set, in a single column, even if it has fields.

    Raises:
        ValueError: the method has no such records.
    """
    score, *place = column
    rows = select(frame, method, *place)
    rows = rows[rows.field.notna() == (rows.field.notna().any() and not pooled)]
    rows = rows.fillna({"field": 0}).set_index(["seed", "field"])
    return rows[score].unstack()  # noqa: PD010 - twice as fast as a pivot table
