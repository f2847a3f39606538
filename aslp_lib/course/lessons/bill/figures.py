"""Figures of predicted maps, and of bills over the cost of a miss."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import outline
from aslp_lib.data.image_set import ImageSet
from aslp_lib.evaluation.figures.style import PINK, new_figure, themed

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
