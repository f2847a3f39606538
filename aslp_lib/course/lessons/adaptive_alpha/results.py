"""Recorded runs of the rules, and a table of where they ended."""

from collections.abc import Callable, Mapping

import pandas
from IPython.display import Markdown

from aslp_lib.course import figures, recorded

COLUMNS: Mapping[str, Callable[[pandas.DataFrame], pandas.Series]] = {
    "mean alpha": lambda runs: runs.alpha_mean.fillna(0).map("{:.3f}".format),
    "above the bound": lambda runs: (runs.alpha_mean - 1 + runs.accuracy).map("{:.3f}".format),
    "middle 80 %": lambda runs: (runs.alpha_p90 - runs.alpha_p10).fillna(0).map("{:.3f}".format),
    "accuracy, %": lambda runs: (100 * runs.accuracy).map("{:.1f}".format),
    "confidence, %": lambda runs: (100 * runs.accuracy + 100 * runs.gap).map("{:.1f}".format),
    "ECE, %": lambda runs: (100 * runs.ece).map("{:.1f}".format),
}
"""Head of a column -> the numbers of the runs; the bound is that of MC with hard inversion."""


def mc_runs() -> dict[str, pandas.DataFrame]:
    """Read runs of MC with hard inversion, scored on the validation images that set the bound."""
    names = {"shapes": "techniques_shapes", "photographs": "comparison_photographs"}
    runs = {
        data: recorded.runs(name, "validation", "aslp_mc", technique="HI")
        for data, name in names.items()
    }
    nuclei = pandas.DataFrame(recorded.load_log("aslp_mc", "nuclei")[-1:])
    return runs | {"nuclei": nuclei.assign(gap=nuclei.confidence - nuclei.accuracy)}


def rules() -> dict[str, pandas.DataFrame]:
    """Read five runs of each rule, and of scaled BCE, scored on test images of `shapes`."""
    chosen = {
        "MC": ("aslp_mc", "none", {"technique": "HI"}),
        "ME": ("aslp_me", "none", {"technique": "HI"}),
        "ME, moderation": ("aslp_me", "none", {"technique": "M"}),
        "measured gap": ("aslp_gap", "none", {"technique": "HI"}),
        "BCE, temperature-scaled": ("bce", "temperature_scaling", {}),
    }
    return {
        name: recorded.runs("techniques_shapes", "test", method, recalibration, **options)
        for name, (method, recalibration, options) in chosen.items()
    }


def ends(runs: Mapping[str, pandas.DataFrame], *columns: str) -> Markdown:
    """Show where training ended: the lowest and the highest value of the runs of each row.

    Args:
        runs: name of the row -> records, one per run; see `recorded.runs`.
        columns: heads of the columns, of `COLUMNS`.
    """
    rows = []
    for name, table in runs.items():
        values = [sorted(COLUMNS[column](table), key=float) for column in columns]
        rows.append([name, *(" to ".join(dict.fromkeys((v[0], v[-1]))) for v in values)])
    return figures.table(("runs", *columns), rows)
