"""Figures of the explorers: panels at fixed positions with given ticks.

Solving a layout and searching for ticks would take longer than all the drawing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import BLUE, GREY, ORANGE
from aslp_lib.metrics.calibration import Reliability

HEIGHT = 3.4
DPI = 90
SHARE = (0.0, 0.25, 0.5, 0.75, 1.0)
CONFIDENCE = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LIGHT_BLUE = "#99C7E0"
"""Colour of filled areas."""
GAP = 2
"""Width of the gap between two maps of a mosaic, in pixels."""


class Panels:
    """A figure made of panels whose positions and sizes are given in inches."""

    def __init__(self, width: float, height: float = HEIGHT) -> None:
        self.figure = Figure(figsize=(width, height), dpi=DPI)
        self.width, self.height = width, height

    def axes(self, left: float, bottom: float, width: float, height: float, title: str) -> Axes:
        """Add empty axes at a position."""
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        axis = self.figure.add_axes(box)
        axis.set_title(title, fontsize=10)
        axis.tick_params(labelsize=9)
        return axis

    def plot(
        self,
        left: float,
        width: float,
        x: tuple[str, Sequence[float]],
        y: tuple[str, Sequence[float]],
        title: str,
        bottom: float = 0.5,
        height: float | None = None,
    ) -> Axes:
        """Add axes whose left edge is at `left`, with given ticks.

        Args:
            x, y: label and ticks of an axis; the first and the last tick are the limits.
            height: height of the axes; by default they extend to the top of the figure.
        """
        axis = self.axes(left, bottom, width, height or self.height - bottom - 0.35, title)
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
        axis = self.axes(left, self.height - top - height, width, height, title)
        axis.imshow(values, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        axis.set(xticks=[], yticks=[])
        return axis

    def diagram(
        self,
        left: float,
        width: float,
        table: Reliability,
        title: str,
        bottom: float,
        height: float,
        lit: int = 0,
    ) -> Axes:
        """Draw a reliability diagram of ten bins: their accuracies, gaps and shares of the pixels.

        Args:
            lit: lower end, in percent, of a bin drawn in another colour; 0 for none.
        """
        x, y = ("confidence", CONFIDENCE), ("", SHARE)
        axis = self.plot(left, width, x, y, title, bottom, height)
        low, full = table.edges[:-1], table.pixels > 0
        confidence, accuracy = table.confidence[full], table.accuracy[full]
        highlighted = np.isclose(100 * low, lit) & (lit > 0)
        axis.bar(
            low[full], accuracy, 0.1, align="edge", edgecolor="white", label="accuracy in the bin",
            color=np.where(highlighted, ORANGE, LIGHT_BLUE)[full],
        )  # fmt: skip
        axis.bar(low + 0.05, table.share, 0.02, color=GREY, label="share of the pixels")
        axis.plot([0.5, 1], [0.5, 1], color="black", linewidth=1)
        axis.vlines(
            confidence, accuracy, confidence, color=BLUE, linewidth=3, label="gap to the confidence"
        )
        for start in low[highlighted]:  # a mark on the axis too, as the bin may be empty
            axis.plot([start, start + 0.1], [0, 0], color=ORANGE, linewidth=5, clip_on=False)
        return axis


def mosaic(maps: np.ndarray) -> np.ndarray:
    """Join maps (rows, columns, H, W) to one map, with white gaps (NaN) between them."""
    gaps = ((0, 0), (0, 0), (0, GAP), (0, GAP))
    padded = np.pad(maps, gaps, constant_values=np.nan)
    rows, columns, height, width = padded.shape
    joined = padded.swapaxes(1, 2).reshape(rows * height, columns * width)
    return joined[:-GAP, :-GAP]
