"""Panels of figures: rows of panels, and grids of pictures."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.evaluation.figures.style import new_figure, plain, themed

POINT: dict[str, Any] = {"ms": 9, "mec": "black", "clip_on": False, "zorder": 5}
"""Style of a point that stands out."""


def new_panels(
    count: int, width: float, height: float, title: str | None = None, **options: Any
) -> tuple[Figure, NDArray[Any]]:
    """Create a figure with a row of panels, and return it with the axes of the panels.

    Args:
        width: width of a panel in inches.
        height: height of the figure in inches.
        title: title of the figure, or None.
        options: further arguments of `Figure.subplots`.
    """
    figure = new_figure(count * width + 0.4, height, title)
    return figure, figure.subplots(1, count, squeeze=False, **options)[0]


def picture_grid(
    rows: Mapping[str, Collection[np.ndarray]], side: float, white: float = 1
) -> tuple[Figure, NDArray[Any]]:
    """Create a figure of pictures in rows, and return it with the grid of axes.

    Args:
        rows: name of the row -> its pictures: in colour, or maps of values from 0 (black) to
            `white`.
        side: width and height of a picture with its margin, in inches.
    """
    columns = len(next(iter(rows.values())))
    figure = new_figure(side * columns + 1.2, side * len(rows) + 0.2, None)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, (name, row) in zip(grid, rows.items(), strict=True):
        for axis, picture in zip(axes, row, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=white)
            axis.set(xticks=[], yticks=[])
        axes[0].set_ylabel(plain(name, 14), fontsize=10, rotation=0, ha="right", va="center")
    return figure, grid


@themed
def pictures(
    rows: Mapping[str, Collection[np.ndarray]],
    description: str,
    titles: Sequence[str] = (),
    side: float = 1.2,
) -> Figure:
    """Show rows of pictures with a frame, because a white map would dissolve into a white page.

    Args:
        rows: name of the row, or "" -> its pictures, see `picture_grid`.
        description: description of the pictures, which ends the alt text.
        titles: titles of the columns.
        side: width and height of a picture with its margin, in inches.
    """
    figure, grid = picture_grid(rows, side)
    for axis, title in zip(grid[0], titles, strict=False):
        axis.set_title(title, fontsize=10)
    for axis in grid.flat:
        axis.spines[:].set_visible(True)
    columns = ", ".join(filter(None, titles)).replace("\n", " ") or grid.shape[1]
    named = f"; rows: {', '.join(rows)}" if any(rows) else ""
    figure.set_label(f"Pictures. Columns: {columns}{named}. {description}")
    return figure


def outline(axis: Axes, mask: np.ndarray) -> None:
    """Draw the outline of a label, in black on white, which stands out against any colour."""
    for colour, width in (("white", 2), ("black", 0.8)):
        axis.contour(mask, [0.5], colors=colour, linewidths=width)
