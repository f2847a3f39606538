"""Figures of predicted maps, and of bills over the cost of a miss."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels, outline
from aslp_lib.course.lessons.bill.decision import COSTS
from aslp_lib.data.image_set import ImageSet
from aslp_lib.evaluation.figures.style import ink, legend_below, looks, new_figure, themed

TICKS = (1, 2, 5, 10, 20, 50)


@themed
def predictions(
    dataset: ImageSet, indices: Sequence[int], maps: Mapping[str, np.ndarray]
) -> Figure:
    """Draw images beside predicted maps, all with the outline of the label.

    Dark greys are spread, so that an f of 0.1 differs from 0.

    Args:
        indices: indices of the images in the set.
        maps: label -> P(y=1) of the whole set.
    """
    figure = new_figure(2 * len(maps) + 2.8, 2 * len(indices) + 0.3)
    grid = figure.subplots(len(indices), len(maps) + 1, squeeze=False)
    for axes, i in zip(grid, indices, strict=True):
        axes[0].imshow(dataset.load(i)[0].permute(1, 2, 0).numpy())
        for axis, f in zip(axes[1:], maps.values(), strict=True):
            grey = axis.imshow(f[i], cmap="gray", norm=PowerNorm(0.5, 0, 1))
        for axis in axes:
            outline(axis, dataset.mask(i))
            axis.set_axis_off()
    for axis, title in zip(grid[0], ("image", *(f"f of {name}" for name in maps)), strict=True):
        axis.set_title(title)
    bar = figure.colorbar(grey, ax=grid, shrink=0.6, ticks=[0, 0.1, 0.5, 1], format="{x:g}")
    bar.ax.set_title("f")
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a row each, from left to right: image, f of "
        f"{', f of '.join(maps)}, with the outline of the label. The whiter a map, the higher f."
    )
    return figure


@themed
def paid_bills(
    panels: Mapping[str, Mapping[str, pandas.DataFrame]],
    title: str,
    marks: Sequence[float] = (),
) -> Figure:
    """Plot the paid bill over the cost of a miss, with those of a laboratory without a network.

    The curve of a method is dashed if its label, or that of the panel, says that it is scaled.

    Args:
        panels: label of the vertical axis -> label -> `decision.bills`, all of the same labels.
        marks: costs at which an upright line is drawn.
    """
    figure, axes = new_panels(len(panels), 6.2 if len(panels) == 1 else 4.2, 3.4, title)
    look, notes = looks(next(iter(panels.values()))), []
    for axis, (ylabel, tables) in zip(axes, panels.items(), strict=True):
        for mark in marks:
            axis.axvline(mark, color=ink(), linewidth=0.8, alpha=0.3)
        for label, bills in tables.items():
            colour, line, _ = look[label]
            line = "--" if "scaled" in ylabel else line
            axis.plot(COSTS, 100 * bills.paid, line, color=colour, label=label)
            paid = ", ".join(f"{100 * bills.paid[miss]:.0f}" for miss in TICKS[2:])
            notes.append(f"{ylabel}, {label}: {paid}")
        nothing = 100 * next(iter(tables.values())).nothing
        axis.plot(COSTS, nothing, color=ink(), linewidth=0.8)
        axis.axhline(100, color=ink(), linewidth=0.8)
        axis.text(1.05, 102, "check everything", fontsize=9)
        axis.text(0.95 * (nothing >= 125).idxmax(), 125, "check nothing", fontsize=9, ha="right")
        axis.set(
            xlabel="cost of a miss, in checks", ylabel=ylabel, xlim=(TICKS[0], TICKS[-1]),
            ylim=(0, 145), xscale="log", xticks=TICKS,
        )  # fmt: skip
        axis.xaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
    legend_below(figure, axes[0])
    figure.set_label(f"{title}, at costs of a miss of 5, 10, 20 and 50. {'; '.join(notes)}.")
    return figure
