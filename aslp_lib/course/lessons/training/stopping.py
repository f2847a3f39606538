"""Early-stopped networks of the trials, and those of their last epochs."""

import pandas

REGIMES = {
    "shapes": "160 shapes",
    "nuclei": "about 160 crops (nuclei)",
    "nuclei+": "the same crops, augmented",
    "photos": "2,000 photographs, augmented",
}
"""Regime of the second trial -> its training images."""


def stopped_and_last(records: pandas.DataFrame) -> tuple[pandas.Series, pandas.Series]:
    """Return the NLL of the epoch that early stopping kept, and of the last one, for each seed.

    >>> columns = ["seed", "weights", "nll"]
    >>> records = pandas.DataFrame([[0, "best", 0.3], [0, "last", 0.4]], columns=columns)
    >>> [nll.tolist() for nll in stopped_and_last(records)]
    [[0.3], [0.4]]

    Args:
        records: records of one method, see `second_trial`, after one recalibration on one set.
    """
    table = records.pivot_table("nll", "seed", "weights")
    return table["best"], table["last"]
