"""Panels of figures: rows of panels, grids of pictures, and panels at given positions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.evaluation.figures.style import GREY, directions, new_figure, plain, themed
from aslp_lib.metrics.calibration import Reliability

SHARE = (0.0, 0.25, 0.5, 0.75, 1.0)
CONFIDENCE = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LIGHT_GREY = "#D4D4D4"
"""Colour of bars of accuracy. Blue would mean underconfidence."""
POINT: dict[str, Any] = {"ms": 9, "mec": "black", "clip_on": False, "zorder": 5}
"""Style of a point that stands out."""
GAP = 2
"""Width of the gap between two maps of a mosaic, in pixels."""
Box = tuple[float, float, float, float]
"""Left edge, lower edge, width and height of a panel, in inches."""
Ticks = tuple[str, Sequence[float]]
"""Label and ticks of an axis; the first and the last tick are the limits."""


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
    columns = ", ".join(titles).replace("\n", " ") or grid.shape[1]
    named = f"; rows: {', '.join(rows)}" if any(rows) else ""
    figure.set_label(f"Pictures. Columns: {columns}{named}. {description}")
    return figure


def outline(axis: Axes, mask: np.ndarray) -> None:
    """Draw the outline of a label, in black on white, which stands out against any colour."""
    for colour, width in (("white", 2), ("black", 0.8)):
        axis.contour(mask, [0.5], colors=colour, linewidths=width)


class Panels:
    """A figure made of panels whose positions and sizes are given in inches."""

    def __init__(self, width: float, height: float = 3.4) -> None:
        self.figure = Figure(figsize=(width, height))
        self.width, self.height = width, height

    def axes(self, box: Box, title: str) -> Axes:
        """Add empty axes at a position."""
        left, bottom, width, height = box
        axis = self.figure.add_axes(
            (left / self.width, bottom / self.height, width / self.width, height / self.height)
        )
        axis.set_title(title, fontsize=10)
        axis.tick_params(labelsize=9)
        return axis

    def plot(self, box: Box, x: Ticks, y: Ticks, title: str) -> Axes:
        """Add axes with given ticks."""
        axis = self.axes(box, title)
        axis.set(
            xlabel=x[0], xticks=x[1], xlim=(x[1][0], x[1][-1]),
            ylabel=y[0], yticks=y[1], ylim=(y[1][0], y[1][-1]),
        )  # fmt: skip
        return axis

    def map(
        self, left: float, width: float, values: np.ndarray, title: str, top: float = 0.4
    ) -> Axes:
        """Draw a map of values in [0, 1], black to white, `top` below the top of the figure."""
        height = width * values.shape[0] / values.shape[1]
        axis = self.axes((left, self.height - top - height, width, height), title)
        axis.imshow(values, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        axis.set(xticks=[], yticks=[])
        return axis

    def diagram(self, box: Box, table: Reliability, title: str, bars: str = LIGHT_GREY) -> Axes:
        """Draw a reliability diagram of ten bins with their accuracies, gaps and shares."""
        axis = self.plot(box, ("confidence", CONFIDENCE), ("", SHARE), title)
        low, full = table.edges[:-1], table.pixels > 0
        confidence, accuracy = table.confidence[full], table.accuracy[full]
        axis.bar(
            low[full], accuracy, 0.1, align="edge", edgecolor="white", label="accuracy in the bin",
            color=bars,
        )  # fmt: skip
        axis.bar(low + 0.05, table.share, 0.02, color=GREY, label="share of the pixels")
        axis.plot([0.5, 1], [0.5, 1], color="black", linewidth=1)
        over, under = directions(text=True)  # stands out against the bars
        for label, bins, colour in (
            ("overconfident", confidence > accuracy, over),
            ("underconfident", confidence <= accuracy, under),
        ):
            x, end = confidence[bins], accuracy[bins]
            axis.vlines(x, end, x, color=colour, linewidth=3, label=label)
        return axis


def mosaic(maps: np.ndarray) -> np.ndarray:
    """Join maps (rows, columns, H, W) to one map, with white gaps (NaN) between them."""
    padded = np.pad(maps, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=np.nan)
    rows, columns, height, width = padded.shape
    return padded.swapaxes(1, 2).reshape(rows * height, columns * width)[:-GAP, :-GAP]
