"""Figure of bills over the cost of a miss."""

from collections.abc import Mapping

import pandas
from matplotlib.figure import Figure

from aslp_lib.course.figures import curves
from aslp_lib.course.lessons.bill.decision import COSTS
from aslp_lib.evaluation.figures.style import themed

TICKS = (1, 2, 5, 10, 20, 50)


@themed
def paid_bills(panels: Mapping[str, Mapping[str, pandas.DataFrame]], title: str) -> Figure:
    """Plot the paid bill over the cost of a miss, with those of a laboratory without a network.

    Args:
        panels: label of the vertical axis -> label -> `decision.bills`, all of the same labels.
    """
    bills = {
        ylabel: {label: 100 * table.paid for label, table in tables.items()}
        | {"check nothing": 100 * next(iter(tables.values())).nothing}
        for ylabel, tables in panels.items()
    }
    figure = curves(
        COSTS, bills, "cost of a miss", title, across={"check everything": 100}, digits=".0f",
        xscale="log", xticks=TICKS, xlim=(TICKS[0], TICKS[-1]), ylim=(0, 145),
    )  # fmt: skip
    notes = (
        f"{ylabel}, {label}: {', '.join(f'{100 * table.paid[miss]:.0f}' for miss in TICKS[2:])}"
        for ylabel, tables in panels.items()
        for label, table in tables.items()
    )
    figure.set_label(f"{figure.get_label()} At costs of 5, 10, 20 and 50: {'; '.join(notes)}.")
    return figure
