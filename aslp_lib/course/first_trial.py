"""Records of the first trial of `docs/first_trial.md`, whose runs several lessons show.

A record is a row per run, kept weights, recalibration, set and field of view.
"""

import pandas

from aslp_lib.checks import explained
from aslp_lib.course.recorded import FOLDER
from aslp_lib.course.second_trial import select

Column = tuple[str, str, str]
"""Score, recalibration and set of a difference."""
SCALED: Column = ("nll", "temperature_scaling", "test")
"""The score of the primary family."""


def read(name: str) -> pandas.DataFrame:
    """Read records of the trial: "shapes", "nuclei" or "mechanism".

    Raises:
        FileNotFoundError: the trial has no such records yet.
        ValueError: the file holds no table; the message names it.
    """
    path = FOLDER / f"trial_{name}.csv"
    expected = "the committed file. Restore it."
    with explained(f"{path} holds no records of the trial", expected):
        return pandas.read_csv(path, keep_default_na=False, na_values=["", "nan"])


def scores(
    frame: pandas.DataFrame, method: str, column: Column = SCALED, *, pooled: bool = False
) -> pandas.DataFrame:
    """Return a score of a method, seeds x fields; a single column 0 for a set without fields.

    Args:
        pooled: return the score of the whole set, in a single column, even if it has fields.

    Raises:
        ValueError: the method has no such records, or the score is undefined at a seed.
    """
    score, *place = column
    rows = select(frame, method, *place)
    rows = rows[rows.field.notna() == (rows.field.notna().any() and not pooled)]
    if undefined := sorted(set(rows.seed[rows[score].isna()])):
        raise ValueError(
            f"{score} of {method} is undefined at the seeds {undefined}; expected numbers. Restore "
            "the records."
        )
    rows = rows.fillna({"field": 0}).set_index(["seed", "field"])
    return rows[score].unstack()  # noqa: PD010 - twice as fast as a pivot table
