"""Figures of bills over the cost of a miss."""

from collections.abc import Mapping

import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import directions, ink, legend_below, looks, themed

TICKS = (1, 2, 5, 10, 20, 50)
ALT_COSTS = (5, 10, 20, 50)
"""Costs of a miss whose bills are in the alt texts."""
AT_COSTS = "over the cost of a miss, at 5, 10, 20 and 50"


def _set_axes(axis: Axes, tables: Mapping[str, pandas.DataFrame]) -> None:
    """Set common scales, which leave room for all bills but that of checking nothing."""
    top = max(1.0, *(table[["expected", "paid"]].to_numpy().max() for table in tables.values()))
    axis.set(xscale="log", xlim=(TICKS[0], TICKS[-1]), ylim=(0, 105 * top))
    axis.set_xticks(TICKS, labels=map(str, TICKS))
    axis.minorticks_off()
    axis.set_xlabel("cost of a miss")


def _as_text(bills: pandas.Series) -> str:
    """List the bills of 100 pixels at `ALT_COSTS`."""
    return ", ".join(f"{100 * bills[miss]:.0f}" for miss in ALT_COSTS)


@themed
def paid_bills(tables: Mapping[str, pandas.DataFrame]) -> Figure:
    """Plot the paid bill over the cost of a miss, with those of a laboratory without a network.

    Args:
        tables: label -> `decision.bills`, all of the same labels.
    """
    figure, (axis,) = new_panels(1, 6.6, 4.2)
    nothing = next(iter(tables.values())).nothing
    for (label, table), (colour, line, mark) in zip(tables.items(), looks(), strict=False):
        where = [table.index.get_loc(miss) for miss in ALT_COSTS]
        style = {"color": colour, "marker": mark, "markevery": where, "clip_on": False}
        axis.plot(table.index, 100 * table.paid, line, label=label, **style)
    axis.plot(nothing.index, 100 * nothing, ":", color=ink(), linewidth=1, label="check nothing")
    axis.axhline(100, color=ink(), linewidth=1, label="check everything")
    _set_axes(axis, tables)
    axis.set_ylabel("paid bill of 100 pixels")
    legend_below(figure, axis)
    notes = "; ".join(f"{label}: {_as_text(table.paid)}" for label, table in tables.items())
    figure.set_label(
        f"Paid bill of 100 pixels {AT_COSTS}. {notes}. Checking everything costs 100, checking "
        f"nothing {_as_text(nothing)}."
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
        notes.append(f"{label}: {_as_text(table.expected)} expected, {_as_text(table.paid)} paid")
    panels[0].set_ylabel("bill of 100 pixels")
    legend_below(figure, panels[0])
    figure.set_label(f"Expected and paid bill of 100 pixels {AT_COSTS}. {'; '.join(notes)}.")
    return figure
