"""Figures of predicted maps, and of bills over the cost of a miss."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import outline
from aslp_lib.data.image_set import ImageSet
from aslp_lib.evaluation.figures.style import PINK, new_figure, themed

COSTS = np.geomspace(1.1, 50, 100)
"""Costs of a miss, from just above that of a check."""


@themed
def predictions(
    dataset: ImageSet,
    indices: Sequence[int],
    maps: Mapping[str, np.ndarray],
    threshold: float | None = None,
) -> Figure:
    """Draw images beside predicted maps, all with the outline of the label.

    Dark greys are spread, so that an f of 0.1 differs from 0.

    Args:
        indices: indices of the images in the set.
        maps: label -> P(y=1) of the whole set.
        threshold: P(y=1) on a second line in the maps.
    """
    figure = new_figure(2 * len(maps) + 2.8, 2 * len(indices) + 0.3)
    grid = figure.subplots(len(indices), len(maps) + 1, squeeze=False)
    for axes, i in zip(grid, indices, strict=True):
        axes[0].imshow(dataset.load(i)[0].permute(1, 2, 0).numpy())
        for axis in axes:
            outline(axis, dataset.mask(i))
            axis.set_axis_off()
        for axis, f in zip(axes[1:], maps.values(), strict=True):
            grey = axis.imshow(f[i], cmap="gray", norm=PowerNorm(0.5, 0, 1))
            if threshold:
                axis.contour(f[i], [threshold], colors=PINK, linewidths=2)
    for axis, title in zip(grid[0], ("image", *(f"f of {name}" for name in maps)), strict=True):
        axis.set_title(title)
    bar = figure.colorbar(grey, ax=grid, shrink=0.6, ticks=[0, 0.1, 0.5, 1], format="{x:g}")
    bar.ax.set_title("f")
    line = f" and a line at f = {threshold:g}" if threshold else ""
    medians = ", ".join(f"{name} {np.median(f[[*indices]]):.2f}" for name, f in maps.items())
    figure.set_label(
        f"Images of {dataset.name}, from left to right: image, f of {', f of '.join(maps)}, with "
        f"the outline of the label{line}. The whiter a map, the higher f; medians: {medians}."
    )
    return figure


@themed
def paid_bills(panels: Mapping[str, Mapping[str, ArrayLike]], title: str) -> Figure:
    """Plot the paid bill of 100 pixels over the cost of a miss, beside that of checking all.

    Args:
        panels: label of the vertical axis -> label of a network -> its bill at each of `COSTS`.
    """
    return curves(
        COSTS, panels, "cost of a miss, in checks", title, across={"check everything": 100},
        digits=".0f", xscale="log", xticks=(1, 2, 5, 10, 20, 50), ylim=(0, 145),
    )  # fmt: skip
