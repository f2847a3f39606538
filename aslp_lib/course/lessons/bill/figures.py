"""Figure of bills over the cost of a miss."""

from collections.abc import Mapping

import pandas
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.bill.decision import COSTS
from aslp_lib.evaluation.figures.style import ink, legend_below, looks, themed

TICKS = (1, 2, 5, 10, 20, 50)


@themed
def paid_bills(panels: Mapping[str, Mapping[str, pandas.DataFrame]], title: str) -> Figure:
    """Plot the paid bill over the cost of a miss, with those of a laboratory without a network.

    The curve of a method is dashed if its label, or that of the panel, says that it is scaled.

    Args:
        panels: label of the vertical axis -> label -> `decision.bills`, all of the same labels.
    """
    figure, axes = new_panels(len(panels), 6.2 if len(panels) == 1 else 4.2, 3.4, title)
    look, notes = looks(next(iter(panels.values()))), []
    for axis, (ylabel, tables) in zip(axes, panels.items(), strict=True):
        for label, bills in tables.items():
            colour, line, _ = look[label]
            line = "--" if "scaled" in ylabel else line
            axis.plot(COSTS, 100 * bills.paid, line, color=colour, label=label)
            paid = ", ".join(f"{100 * bills.paid[miss]:.0f}" for miss in TICKS[2:])
            notes.append(f"{ylabel}, {label}: {paid}")
        nothing = 100 * next(iter(tables.values())).nothing
        axis.plot(COSTS, nothing, ":", color=ink(), linewidth=1, label="check nothing")
        axis.axhline(100, color=ink(), ls=(0, (1, 4)), linewidth=1, label="check everything")
        axis.set(
            xlabel="cost of a miss", ylabel=ylabel, xlim=(TICKS[0], TICKS[-1]), ylim=(0, 145),
            xscale="log", xticks=TICKS,
        )  # fmt: skip
        axis.xaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
    legend_below(figure, axes[0])
    figure.set_label(f"{title}, at costs of a miss of 5, 10, 20 and 50. {'; '.join(notes)}.")
    return figure
