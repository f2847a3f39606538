"""The record of further runs of the laboratory's two networks."""

import pandas as pd

from aslp_lib.course.recorded import FOLDER
from aslp_lib.methods import METHOD_LABELS

ENDINGS = {"none": "", "temperature_scaling": ", scaled"}
"""Recalibration in the record -> the end of a network's label."""


def further_runs(score: str) -> pd.DataFrame:
    """Read a score of further runs, seeds x networks, which `benchmarks/nuclei_seeds.py` records.

    Args:
        score: "paid" or "expected", the bills of 100 pixels where a miss costs 10, or another
            column, whose values are also multiplied by 100.
    """
    runs = pd.read_csv(FOLDER / "nuclei_seeds.csv")
    labels = runs.method.map(METHOD_LABELS) + runs.recalibration.map(ENDINGS)
    return 100 * runs.assign(network=labels).pivot_table(score, "seed", "network")
