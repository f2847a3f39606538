"""Figures of the audit: its verdict, memorised maps, and the bill over the cost of a miss."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.course.figures.trial import primary_contrasts
from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.course.trial import Effect
from aslp_lib.evaluation.figures.style import (
    ink,
    legend_below,
    looks,
    themed,
)
from aslp_lib.metrics.counts import Counts


def verdict(families: Mapping[str, Mapping[str, Effect | None]]) -> Figure:
    """Draw the primary family in words as a forest plot.

    Args:
        families: name of the data set -> its primary family, see `audit.primary`.
    """
    in_lines = {
        name: {label.replace(" against ", "\nagainst "): change for label, change in family.items()}
        for name, family in families.items()
    }
    figure = primary_contrasts(in_lines)
    figure.set_size_inches(10.4, 6.4)
    figure.set_label(str(figure.get_label()).replace("\n", " "))
    return figure


@themed
def memorised_maps(rows: Mapping[str, Sequence[NDArray[np.generic]]]) -> Figure:
    """Draw images in columns: each with its label and with the maps of the networks.

    Args:
        rows: name of a row -> its pictures, (H, W, 3) or (H, W) with values in [0, 1].
    """
    figure, grid = picture_grid(rows, 1.25)
    for axis in grid.flat:
        axis.spines[:].set_visible(True)  # a white map would dissolve into a white page
    count = len(next(iter(rows.values())))
    figure.set_label(
        f"{count} training images with an inverted label map; rows: {', '.join(rows)}."
    )
    return figure


MISSES = np.geomspace(1.5, 50, 61)
"""Costs of a miss at which `costs` draws the bill."""


@themed
def costs(networks: Mapping[str, tuple[Counts, Counts]]) -> Figure:
    """Plot the cost per 100 pixels over the cost of a miss, of checking nothing, all, or by rule.

    Args:
        networks: label -> counts as trained and temperature-scaled.
    """
    figure, panels = new_panels(2, 4.6, 4.0, sharey=True)
    first, _ = next(iter(networks.values()))
    nothing = 100 * MISSES * first.pooled[1].sum() / first.pixels
    ticks = (2, 5, 10, 20, 50)
    notes = []
    for k, (axis, title) in enumerate(zip(panels, ("as trained", "scaled"), strict=True)):
        axis.plot(MISSES, nothing, ":", color=ink(), label="check nothing")
        axis.axhline(100, color=ink(), linestyle="--", linewidth=1, label="check everything")
        for (label, pair), (colour, line, mark) in zip(networks.items(), looks(), strict=False):
            paid = [100 * bill(pair[k], miss).paid for miss in MISSES]
            axis.plot(MISSES, paid, line, marker=mark, markevery=6, color=colour, label=label)
            at = [f"{100 * bill(pair[k], miss).paid:.0f}" for miss in (4, 12, 30)]
            notes.append(f"{label}, {title}: {', '.join(at)}")
        axis.set(
            title=title, xlabel="cost of a miss", xscale="log", xticks=ticks, xticklabels=ticks,
            ylim=(25, 125),
        )  # fmt: skip
        axis.minorticks_off()
    panels[0].set_ylabel("cost per 100 pixels")
    legend_below(figure, panels[0])
    figure.set_label(
        "Cost per 100 pixels over the cost of a miss, from 1.5 to 50; checking everything costs "
        f"100. At costs of a miss of 4, 12 and 30: {'; '.join(notes)}."
    )
    return figure
