"""What all figures share: colours, a description in words, and ways to show them."""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from IPython.display import Image

# Okabe and Ito's; those that are too light for a line on white are darker here.
BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#C68800", "#009E73", "#CC79A7", "#767676"
METHOD_COLOURS = (BLUE, ORANGE, GREEN, PINK, "#3E9BD2", "#B24E00", "#000000")
Line = Literal["-", "--", "-.", ":"]
LINES: tuple[Line, ...] = ("-", "--", "-.", ":")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
"""Beside the colours, so that curves differ without them. With 7 colours and 4 lines, 28 curves
come before two look alike."""

DPI = 150
"""Of a picture: sharp on a projector, and stretched on a page."""
PAGE_DPI = 96
"""Of a page: what a picture's width is told in."""
LEGEND_COLUMN = 1.6
"""Inches that a label of some words takes beside others."""


def looks() -> Iterator[tuple[str, Line, str]]:
    """Colour, line and mark of one curve after another."""
    cycle = itertools.cycle
    return zip(cycle(METHOD_COLOURS), cycle(LINES), cycle(MARKS), strict=False)


def line_widths(curves: int) -> Iterable[float]:
    """Of one curve after another, each thinner than those that it is drawn over: where curves
    coincide, all are seen."""
    return np.linspace(1.2 + 0.35 * min(curves - 1, 5), 1.2, curves).tolist()


def plain(text: str, width: int = 40) -> str:
    """A name, to the letter, as a text of matplotlib: on at most two lines of about so many
    characters, the middle of a longer one left out."""
    if len(text) > 2 * width:
        text = f"{text[: width - 1]}…{text[-width:]}"
    lines = "\n".join(textwrap.wrap(text, width))
    # A "$" would begin a formula; what begins with "_" would stand in no legend.
    return (" " if lines.startswith("_") else "") + lines.replace("$", r"\$")


def alt(figure: Figure) -> str:
    """What a figure shows, in words."""
    return str(figure.get_label())


def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """A figure as PNG, with its description in the file's metadata."""
    figure.set_dpi(dpi)
    buffer = io.BytesIO()
    # `savefig` would draw it twice, once for the layout alone, which drawing finds anyway.
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Description": alt(figure)})
    return buffer.getvalue()


def page_width(figure: Figure) -> int:
    """Of its picture on a page, in the page's dots."""
    return round(PAGE_DPI * figure.get_figwidth())


def show(figure: Figure) -> Image:
    """A figure for a notebook: a picture with alt text, and the text alone without a screen."""
    from IPython.display import Image

    image = Image(to_png(figure), alt=alt(figure), width=page_width(figure))
    # The plain form of a cell's output: stable, and readable where pictures are not.
    image.__class__ = type("Picture", (Image,), {"__repr__": lambda self: self.alt})
    return image


def new_figure(width: float, height: float, title: str | None) -> Figure:
    """A figure outside pyplot's global list, so that nothing needs closing."""
    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(plain(title, int(11 * width)), fontsize=11)
    return figure


def legend_below(figure: Figure, *axes: Axes) -> None:
    """What these axes' labels are, under all axes: over them it would hide what is drawn."""
    pairs = [axis.get_legend_handles_labels() for axis in axes]
    handles = [handle for own, _ in pairs for handle in own]
    labels = [str(label) for _, own in pairs for label in own]
    draw_legend(figure, handles, labels, LEGEND_COLUMN)


def draw_legend(
    figure: Figure, handles: Sequence[Artist], labels: Sequence[str], width: float, **more: float
) -> None:
    """A legend under all axes, in as many columns of this width, in inches, as fit."""
    columns = max(1, min(len(labels), int(figure.get_figwidth() / width)))
    figure.set_figheight(figure.get_figheight() + 0.2 * -(-len(labels) // columns))
    place: Any = {"loc": "outside lower center", "ncols": columns, "fontsize": 9, **more}
    figure.legend(handles, labels, **place)
