"""Figures of bills over the cost of a miss."""

from collections.abc import Mapping

import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import directions, ink, legend_below, looks, themed

TICKS = (1, 2, 5, 10, 20, 50)
TOLD = TICKS[2:]
"""Costs of a miss at which alt texts tell the bill."""


def _set_axes(axis: Axes, tables: Mapping[str, pandas.DataFrame]) -> None:
    """Set common scales, which leave room for all bills but that of checking nothing."""
    top = max(1.0, *(table[["expected", "paid"]].to_numpy().max() for table in tables.values()))
    axis.set(xscale="log", xlim=(TICKS[0], TICKS[-1]), ylim=(0, 105 * top))
    axis.set_xticks(TICKS, labels=map(str, TICKS))
    axis.minorticks_off()
    axis.set_xlabel("cost of a miss")


def _told(bills: pandas.Series) -> str:
    return ", ".join(f"{100 * bills[miss]:.0f}" for miss in TOLD)


@themed
def paid_bills(tables: Mapping[str, pandas.DataFrame]) -> Figure:
    """Plot the paid bill over the cost of a miss, with those of a laboratory without a network.

    Args:
        tables: label -> `decision.bills`, all of the same labels.
    """
    figure, (axis,) = new_panels(1, 6.6, 4.2)
    nothing = next(iter(tables.values())).nothing
    for (label, table), (colour, line, mark) in zip(tables.items(), looks(), strict=False):
        where = [table.index.get_loc(miss) for miss in TOLD]
        style = {"color": colour, "marker": mark, "markevery": where, "clip_on": False}
        axis.plot(table.index, 100 * table.paid, line, label=label, **style)
    axis.plot(nothing.index, 100 * nothing, ":", color=ink(), linewidth=1, label="check nothing")
    axis.axhline(100, color=ink(), linewidth=1, label="check everything")
    _set_axes(axis, tables)
    axis.set_ylabel("paid bill of 100 pixels")
    legend_below(figure, axis)
    notes = "; ".join(f"{label}: {_told(table.paid)}" for label, table in tables.items())
    figure.set_label(
        f"Paid bill of 100 pixels over the cost of a miss, at {TOLD[0]}, {TOLD[1]}, {TOLD[2]} and "
        f"{TOLD[3]}. {notes}. Checking everything costs 100, checking nothing {_told(nothing)}."
    )
    return figure


@themed
def expected_and_paid(tables: Mapping[str, pandas.DataFrame]) -> Figure:
    """Plot the expected beside the paid bill over the cost of a miss, one panel per network.

    Args:
        tables: label -> `decision.bills`.
    """
    figure, panels = new_panels(len(tables), 3.2, 3.4, sharey=True)
    notes = []
    over, under = directions()
    for axis, (label, table) in zip(panels, tables.items(), strict=True):
        expected, paid = 100 * table.expected, 100 * table.paid
        for colour, side, name in (
            (over, paid > expected, "paid more than expected"),
            (under, paid <= expected, "paid less than expected"),
        ):
            axis.fill_between(
                table.index, expected, paid, where=side, color=colour, alpha=0.5, linewidth=0,
                label=name,
            )  # fmt: skip
        axis.plot(table.index, expected, "--", color=ink(), label="expected bill")
        axis.plot(table.index, paid, color=ink(), label="paid bill")
        _set_axes(axis, tables)
        axis.set_title(label)
        notes.append(f"{label}: {_told(table.expected)} expected, {_told(table.paid)} paid")
    panels[0].set_ylabel("bill of 100 pixels")
    legend_below(figure, panels[0])
    figure.set_label(
        f"Expected and paid bill of 100 pixels over the cost of a miss, at {TOLD[0]}, {TOLD[1]}, "
        f"{TOLD[2]} and {TOLD[3]}. {'; '.join(notes)}."
    )
    return figure
