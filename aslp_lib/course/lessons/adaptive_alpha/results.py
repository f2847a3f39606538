"""Table of the alphas and the calibration at the end of recorded runs."""

from collections.abc import Mapping

import pandas
from IPython.display import Markdown

from aslp_lib.course import figures


def ends(runs: Mapping[str, pandas.DataFrame]) -> Markdown:
    """Show where training ended: the lowest and the highest value of the runs of each row.

    Args:
        runs: name of the row -> records, one per seed; see `recorded.runs`.
    """
    rows = []
    for name, table in runs.items():
        mean, width = table.alpha_mean.fillna(0), (table.alpha_p90 - table.alpha_p10).fillna(0)
        alphas = f"{mean.min():.3f} to {mean.max():.3f}" if mean.max() > 0 else "0"
        gap, ece = 100 * table.gap, 100 * table.ece
        scores = f"{gap.min():+.1f} to {gap.max():+.1f}", f"{ece.min():.1f} to {ece.max():.1f}"
        rows.append([name, alphas, f"{width.max():.3f}", *scores])
    head = "runs", "mean alpha", "middle 80 %", "confidence - accuracy, points", "ECE, %"
    return figures.table(head, rows)
