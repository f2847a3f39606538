"""What all figures share: colours, a description in words, and ways to show them."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from IPython.display import Image

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#767676"
METHOD_COLOURS = (BLUE, ORANGE, GREEN, PINK)
LINES, MARKS = ("-", "--", "-.", ":"), ("o", "s", "^", "D")
"""Beside the colours, so that curves differ without them."""


def looks() -> Iterator[tuple[str, str, str]]:
    """Colour, line and mark of one curve after another; they come round again."""
    return itertools.cycle(zip(METHOD_COLOURS, LINES, MARKS, strict=True))


def alt(figure: Figure) -> str:
    """What a figure shows, in words."""
    return str(figure.get_label())


def to_png(figure: Figure, dpi: int = 90) -> bytes:
    """A figure as PNG, with its description in the file's metadata."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Description": alt(figure)})
    return buffer.getvalue()


def show(figure: Figure) -> Image:
    """A figure for a notebook: a picture with alt text, and the text alone without a screen."""
    from IPython.display import Image

    image = Image(to_png(figure), alt=alt(figure))
    # The plain form of a cell's output: stable, and readable where pictures are not.
    image.__class__ = type("Picture", (Image,), {"__repr__": lambda self: self.alt})
    return image


def new_figure(width: float, height: float, title: str | None) -> Figure:
    """A figure outside pyplot's global list, so that nothing needs closing."""
    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure
