"""The record of five splits, which `benchmarks/three_classes.py` makes."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd

from aslp_lib.course.recorded import FOLDER
from aslp_lib.data.nuclei import CLASSES

VARIANTS: Mapping[str, str] = {
    "as trained": "none",
    "temperature scaling": "temperature_scaling",
    "vector scaling": "vector_scaling",
    "isotonic": "isotonic",
}
"""Label of a recalibration -> its name in the record."""


@cache
def read() -> pd.DataFrame:
    """Read the record: a row for each seed, set and recalibration.

    For each class NAME, `probability_NAME` is its mean probability and `frequency_NAME` its
    frequency, that is, its promised and its delivered share of the area; `excess_NAME` is promised
    minus delivered.
    """
    record = pd.read_csv(FOLDER / "three_classes.csv")
    for name in CLASSES:
        record[f"excess_{name}"] = record[f"probability_{name}"] - record[f"frequency_{name}"]
    return record


def values(quantity: str, part: str, recalibration: str) -> np.ndarray:
    """Return a quantity of each split, in percent.

    Args:
        quantity: a column of the record, see `read`.
        part: name of the set.
        recalibration: a name in the record, see `VARIANTS`.
    """
    record = read()
    rows = record[(record["set"] == part) & (record.recalibration == recalibration)]
    return np.array(100 * rows[quantity])


def of_splits(quantity: str, part: str, *labels: str) -> dict[str, np.ndarray]:
    """Return a quantity of each split, see `values`, under the labels of recalibrations."""
    return {label: values(quantity, part, VARIANTS[label]) for label in labels}
