"""Figures that redraw within the blink of an eye: panels in fixed places, with given ticks.

A layout that is solved for and ticks that are searched for take longer than all drawing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

HEIGHT = 3.4
DPI = 90


class Panels:
    """A figure of panels from left to right, sizes in inches."""

    def __init__(self, width: float) -> None:
        self.figure = Figure(figsize=(width, HEIGHT), dpi=DPI)
        self.width = width

    def plot(
        self,
        left: float,
        width: float,
        x: tuple[str, Sequence[float]],
        y: tuple[str, Sequence[float]],
        title: str,
    ) -> Axes:
        """Axes from `left` on, `width` wide; x and y are label and ticks, the ends the limits."""
        axis = self.figure.add_axes(
            (left / self.width, 0.5 / HEIGHT, width / self.width, (HEIGHT - 0.85) / HEIGHT)
        )
        axis.set(
            xlabel=x[0], xticks=x[1], xlim=(x[1][0], x[1][-1]),
            ylabel=y[0], yticks=y[1], ylim=(y[1][0], y[1][-1]),
        )  # fmt: skip
        axis.set_title(title, fontsize=10)
        axis.tick_params(labelsize=9)
        return axis

    def map(self, left: float, width: float, values: np.ndarray, title: str) -> Axes:
        """A map of values in [0, 1], black to white, as high as it is wide."""
        axis = self.figure.add_axes(
            (left / self.width, (HEIGHT - 0.4 - width) / HEIGHT, width / self.width, width / HEIGHT)
        )
        axis.imshow(values, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        axis.set(xticks=[], yticks=[])
        axis.set_title(title, fontsize=10)
        return axis
