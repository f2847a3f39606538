"""Figures of confidence beside accuracy, and of bills over the cost of a miss."""

from collections.abc import Mapping

import numpy as np
import pandas
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import directions, ink, legend_below, looks, themed
from aslp_lib.metrics.calibration import Reliability

TICKS = (1, 2, 5, 10, 20, 50)
ALT_COSTS = (5, 10, 20, 50)
"""Costs of a miss whose bills are in the alt texts."""


@themed
def paid_bills(panels: Mapping[str, Mapping[str, pandas.DataFrame]]) -> Figure:
    """Plot the paid bill over the cost of a miss, with those of a laboratory without a network.

    Args:
        panels: title of a panel -> label -> `decision.bills`, all of the same labels.
    """
    figure, axes = new_panels(len(panels), 6.6 if len(panels) == 1 else 4.6, 4.2, sharey=True)
    notes, top = [], 1.0
    for axis, (title, tables) in zip(axes, panels.items(), strict=True):
        for (label, table), (colour, line, mark) in zip(tables.items(), looks(), strict=False):
            where = [table.index.get_loc(miss) for miss in ALT_COSTS]
            style = {"color": colour, "marker": mark, "markevery": where, "clip_on": False}
            axis.plot(table.index, 100 * table.paid, line, label=label, **style)
            paid = ", ".join(f"{100 * table.paid[miss]:.0f}" for miss in ALT_COSTS)
            notes.append(f"{label}, {title}: {paid}")
            top = max(top, table.paid.max())
        axis.plot(table.index, 100 * table.nothing, ":", color=ink(), linewidth=1)
        axis.axhline(100, color=ink(), linestyle=":", linewidth=1)
        axis.text(1.05, 102, "check everything", va="bottom", fontsize=9)
        beside = table.index[np.argmax(table.nothing > 0.7)]
        axis.text(0.95 * beside, 70, "check\nnothing", ha="right", va="bottom", fontsize=9)
        axis.set(title=title, xlabel="cost of a miss", xscale="log", xlim=(TICKS[0], TICKS[-1]))
        axis.set_xticks(TICKS, labels=map(str, TICKS))
        axis.minorticks_off()
    axes[0].set(ylabel="paid bill of 100 pixels", ylim=(0, 105 * top))
    legend_below(figure, axes[0])
    figure.set_label(
        "Paid bill of 100 pixels over the cost of a miss, at 5, 10, 20 and 50. "
        f"{'; '.join(notes)}. Checking everything costs 100."
    )
    return figure


@themed
def over_and_under(tables: Mapping[str, Reliability]) -> Figure:
    """Draw a plain reliability diagram per network, with the distance of each bin from calibration.

    Args:
        tables: label -> `calibration.reliability`.
    """
    figure, panels = new_panels(len(tables), 3.4, 3.4, sharey=True)
    colours, notes = directions(), []
    for axis, (label, table) in zip(panels, tables.items(), strict=True):
        axis.plot([50, 100], [50, 100], "--", color=ink(), linewidth=1)
        full = table.pixels > 0
        bins = 100 * np.array([table.confidence, table.accuracy, table.share])[:, full].T
        for confidence, accuracy, share in bins:
            colour = colours[int(accuracy > confidence)]
            axis.vlines(confidence, confidence, accuracy, color=colour, linewidth=5)
            axis.plot(confidence, accuracy, "o", color=ink(), ms=4 + share / 12, clip_on=False)
        confidence, accuracy, share = bins[np.argmax(bins[:, 2])]
        axis.annotate(
            f"{share:.0f} % of\nthe pixels", (confidence, accuracy), (99.5, 66), ha="right",
            arrowprops={"arrowstyle": "-", "color": ink(), "linewidth": 0.8, "relpos": (1, 1)},
        )  # fmt: skip
        axis.set(xlim=(50, 100), ylim=(50, 102), xlabel="confidence, %")
        axis.set_title(label)
        notes.append(
            f"{label}: {share:.0f} % of the pixels in a bin of confidence {confidence:.0f} % and "
            f"accuracy {accuracy:.0f} %"
        )
    panels[0].set_ylabel("accuracy, %")
    for y, name, colour in zip((0.9, 0.83), ("over", "under"), directions(text=True), strict=True):
        panels[0].text(0.04, y, f"{name}confident", color=colour, transform=panels[0].transAxes)
    figure.set_label(f"Reliability diagrams. {'; '.join(notes)}.")
    return figure
