"""Figures of predicted maps, of promises, and of bills over the cost of a miss."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import new_panels, outline
from aslp_lib.data.image_set import ImageSet
from aslp_lib.evaluation.figures.style import PINK, directions, ink, looks, new_figure, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

COSTS = np.geomspace(5, 50, 100)
"""Costs of a miss; below these, the bills hardly differ."""


@themed
def predictions(
    dataset: ImageSet,
    indices: Sequence[int],
    maps: Mapping[str, np.ndarray],
    pink: Mapping[str, np.ndarray],
    meaning: str,
) -> Figure:
    """Draw images beside predicted maps, all with the outline of the label.

    Dark greys are spread, so that an f of 0.1 differs from 0.

    Args:
        indices: indices of the images in the set.
        maps: label -> P(y=1) of the whole set.
        pink: label -> pixels of the whole set that are filled in the map.
        meaning: what the filled pixels are.
    """
    figure = new_figure(2 * len(maps) + 2.8, 2 * len(indices) + 0.3)
    grid = figure.subplots(len(indices), len(maps) + 1, squeeze=False)
    notes = []
    for axes, i in zip(grid, indices, strict=True):
        axes[0].imshow(dataset.load(i)[0].permute(1, 2, 0).numpy())
        axes[0].set_title("image and label")
        mask = dataset.mask(i)
        for axis, (name, f) in zip(axes[1:], maps.items(), strict=True):
            grey = axis.imshow(f[i], cmap="gray", norm=PowerNorm(0.5, 0, 1))
            axis.imshow(np.ma.masked_equal(pink[name][i], 0), cmap=ListedColormap([PINK]))
            note = f"{pink[name][i].sum()} {meaning}"
            axis.set_title(f"f of {name}\n{note}")
            notes.append(f"{name}, {note}")
        for axis in axes:
            outline(axis, mask)
            axis.set_axis_off()
    bar = figure.colorbar(grey, ax=grid, shrink=0.6, ticks=[0, 0.1, 0.5, 1], format="{x:g}")
    bar.ax.set_title("f")
    figure.set_label(
        f"Images of {dataset.name}, each beside the predicted f of {' and '.join(maps)}, with the "
        f"outline of the label. {'; '.join(notes)}."
    )
    return figure


@themed
def first_dots(networks: Mapping[str, Counts], threshold: float) -> Figure:
    """Draw the first dots of several reliability diagrams in one panel, each with its bar.

    Args:
        networks: label of a network -> its counts, with pixels of f below 1/10.
        threshold: an f above which a pixel is checked.
    """
    figure, (axis,) = new_panels(1, 5.4, 3.8, "Pixels with f of at most 10 %")
    axis.plot([0, 10], [0, 10], "--", color=ink(), linewidth=1)
    axis.axvline(100 * threshold, color=ink(), linestyle=":", linewidth=1)
    axis.text(100 * threshold + 0.15, 9.5, f"checked: f > {100 * threshold:g} %")
    notes = []
    for label, (colour, _, mark) in looks(networks).items():
        table = calibration.reliability(networks[label], of="foreground")
        says, found = 100 * table.confidence[0], 100 * table.accuracy[0]
        axis.vlines(says, says, found, colors=directions()[int(says > found)], linewidth=4)
        axis.plot(says, found, mark, color=colour, markeredgecolor=ink(), ms=9)
        beside: Any = {"xytext": (0, -9), "ha": "center", "va": "top"}
        if says < 2:
            beside = {"xytext": (9, 0), "va": "center"}
        text = f"{label}\npromised {says:.1f}, found {found:.1f}"
        axis.annotate(text, (says, found), textcoords="offset points", **beside)
        notes.append(f"{label}, promised {says:.1f}, found {found:.1f}")
    verdicts = zip(("overconfident", "underconfident"), directions(text=True), strict=True)
    for height, (name, colour) in zip((0.92, 0.85), verdicts, strict=True):
        axis.text(0.04, height, name, color=colour, transform=axis.transAxes)
    axis.set(xlabel="mean f, %", ylabel="share of foreground, %", xlim=(0, 10), ylim=(0, 10.2))
    figure.set_label(f"Foreground among pixels with f of at most 10 %, in %: {'; '.join(notes)}.")
    return figure


@themed
def paid_bills(panels: Mapping[str, Mapping[str, ArrayLike]], title: str) -> Figure:
    """Plot the paid bill of 100 pixels over the cost of a miss, beside that of checking all.

    Args:
        panels: label of the vertical axis -> label of a network -> its bill at each of `COSTS`.
    """
    figure = curves(
        COSTS, panels, "cost of a miss, in checks", title, across={"check everything": 100},
        digits=".0f", xscale="log", xticks=(5, 10, 20, 50), ylim=(0, 145),
    )  # fmt: skip
    for axis in figure.axes:
        axis.grid(axis="x", linewidth=0.5)
    return figure
