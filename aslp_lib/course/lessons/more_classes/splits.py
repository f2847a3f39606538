"""The record of five splits, which `benchmarks/three_classes.py` makes."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from IPython.display import Markdown

from aslp_lib.course.figures import table
from aslp_lib.course.recorded import FOLDER
from aslp_lib.experiments.seed_statistics import student_interval

VARIANTS: Mapping[str, str] = {
    "none": "as trained",
    "temperature_scaling": "temperature",
    "vector_scaling": "vector scaling",
    "isotonic": "isotonic",
}
"""Recalibration in the record -> its label."""
PRICES: Mapping[str, float] = {"background": 0, "interior": 1, "boundary": 5}
"""Price of a pixel of each class."""


@cache
def read() -> pd.DataFrame:
    """Read the record: a row for each seed, set and recalibration.

    For each class NAME, `probability_NAME` is its mean probability and `frequency_NAME` its
    frequency, that is, its promised and its delivered share of the area.
    """
    return pd.read_csv(FOLDER / "three_classes.csv")


def values(quantity: str, part: str, recalibration: str) -> np.ndarray:
    """Return a quantity of each split, in percent.

    Args:
        quantity: a column of the record; `excess_NAME`, promised minus delivered share of a class;
            or `bill`, by how much the price of the promised areas exceeds that of the delivered.
        part: name of the set.
        recalibration: a key of `VARIANTS`.
    """
    record = read()
    rows = record[(record["set"] == part) & (record.recalibration == recalibration)]
    kind, _, name = quantity.partition("_")
    if quantity == "bill":
        promised, delivered = (
            sum(price * rows[f"{share}_{name}"] for name, price in PRICES.items())
            for share in ("probability", "frequency")
        )
        return np.array(100 * (promised / delivered - 1))
    if kind == "excess":
        return np.array(100 * (rows[f"probability_{name}"] - rows[f"frequency_{name}"]))
    return np.array(100 * rows[quantity])


def over_splits(quantities: Mapping[str, tuple[str, str]], *recalibrations: str) -> Markdown:
    """Show the mean of quantities over the splits, with Student's 95 % interval.

    Args:
        quantities: heading -> name of the set, and quantity, see `values`.
        recalibrations: keys of `VARIANTS` to show; all of them, unless given.
    """
    rows = []
    for recalibration in recalibrations or VARIANTS:
        row = [VARIANTS[recalibration]]
        for part, quantity in quantities.values():
            of_splits = values(quantity, part, recalibration)
            low, high = student_interval(of_splits.tolist())
            sign = "+" if quantity == "bill" or quantity.startswith("excess") else ""
            row.append(f"{of_splits.mean():{sign}z.1f} [{low:{sign}z.1f}, {high:{sign}z.1f}]")
        rows.append(row)
    return table(["%", *quantities], rows)
