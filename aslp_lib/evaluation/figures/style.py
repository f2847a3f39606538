"""The theme of all figures: seaborn's style, colours, legends, alt texts and output formats.

A figure is drawn on white by default, and on a dark page within `theme(dark=True)`:

>>> from aslp_lib.evaluation.figures import training_history
>>> row = {"epoch": 1, "confidence": 0.9, "accuracy": 0.8, "ece": 0.1}
>>> with theme(dark=True):
...     figure = training_history({"BCE": [row]})
>>> max(figure.get_facecolor()[:3]) < 0.1
True
"""

from __future__ import annotations

import io
import itertools
import re
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

if TYPE_CHECKING:
    from IPython.display import Image

# Colours of Okabe and Ito, darker where the original is too light for a line on white. All of them
# stand out against white and against a dark page, and differ in lightness.
BLUE, YELLOW, GREEN, PINK, GREY = "#0072B2", "#C68800", "#009E73", "#CC79A7", "#767676"
OF_METHODS = {
    "BCE": "#8A8A8A",
    "ASLP (ME)": "#A03C78",
    "ASLP (measured gap)": "#7A6A53",
    "ASLP": "#8A45A8",
    "constant alpha": GREEN,
    "sampled targets": GREEN,
    "label smoothing": YELLOW,
    "expected targets": YELLOW,
}
"""Colours that a method has in every figure. None of them stands for a direction of error."""
REFERENCES = ("Bayes-optimal", "perfect student", "accuracy")
"""Curves with which methods are compared."""
OTHERS = ("#00705A", "#7A6A53", "#5B7F00", "#A03C78")
"""Colours of other methods and curves. Pink means missed pixels."""
Line = Literal["-", "--", "-.", ":"]
Look = tuple[str, Line, str]
LINES: tuple[Line, ...] = ("-", "--", "-.", ":")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
"""Markers, which distinguish curves without colour."""

DPI = 150
"""Resolution of an image file, high enough for a projector."""
PRINT_DPI = 300
"""Resolution of a figure for a paper, and of the photographs in it."""
PAGE_DPI = 96
"""Resolution in which HTML states the width of an image."""


_DARK: ContextVar[bool] = ContextVar("dark", default=False)


@contextmanager
def theme(*, dark: bool) -> Iterator[None]:
    """Draw the figures within this context for a light or for a dark page."""
    token = _DARK.set(dark)
    try:
        yield
    finally:
        _DARK.reset(token)


THEME = dict(
    mpl.rc_params_from_file(Path(__file__).with_name("aslp.mplstyle"), use_default_template=False)
)
"""Settings of matplotlib that are the same on a light and on a dark page."""


def directions(*, text: bool = False) -> tuple[str, str]:
    """Return the colours of overconfidence and underconfidence in the current theme.

    The two colours of areas differ in lightness, so that greyscale keeps them apart.

    >>> directions()
    ('#B34700', '#3D9BD9')

    Args:
        text: True for the colours of words, which stand out more against the page.
    """
    if _DARK.get():
        return "#F07A30", "#8CCBFF"
    return "#B34700", BLUE if text else "#3D9BD9"


@contextmanager
def _in_theme() -> Iterator[None]:
    """Draw in the current theme."""
    ink, paper = ("#E6E6E6", "#121212") if _DARK.get() else ("#262626", "white")
    inked = ("text.color", "xtick.color", "ytick.color", "axes.edgecolor", "axes.labelcolor")
    backed = ("axes.facecolor", "figure.facecolor", "patch.edgecolor")
    colours: Any = dict.fromkeys(inked, ink) | dict.fromkeys(backed, paper)
    with mpl.rc_context(THEME | colours):
        yield


themed = _in_theme()
"""Decorator of functions that draw a figure, so that they draw in the theme."""


def ink() -> str:
    """Return the colour of text in the current theme, for lines that must stand out most."""
    return str(mpl.rcParams["text.color"])


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """Choose colour, line style and marker of the methods or curves of a figure.

    A method has its own colour in every figure, see `OF_METHODS`, and one of `REFERENCES` has that
    of the text. A line is solid as trained, dashed if temperature-scaled, dotted if undone, and
    dash-dotted after another recalibration. Other methods and curves have the remaining colours and
    all line styles.

    >>> looks(["BCE", "BCE + temperature scaling", "ASLP (MC), undone"])["ASLP (MC), undone"]
    ('#8A45A8', ':', '^')

    Args:
        labels: a method, or a method and its recalibration behind a comma or a plus sign.
    """
    others, marks = itertools.cycle(zip(OTHERS, itertools.cycle(LINES))), itertools.cycle(MARKS)
    looks_of: dict[str, tuple[str, Line]] = {}
    chosen: dict[str, Look] = {}
    for label in labels:
        method, *change = re.split(r",? \+ |, ", label, maxsplit=1)
        if method not in looks_of:
            known = OF_METHODS | dict.fromkeys(REFERENCES, ink())
            named = [c for name, c in known.items() if method.lower().startswith(name.lower())]
            used = {colour for colour, _ in looks_of.values()}
            looks_of[method] = (named[0], "-") if named and named[0] not in used else next(others)
        colour, usual = looks_of[method]
        taken = {line for other, line, _ in chosen.values() if other == colour}
        wanted = (_line(change[0]) if change else usual, *LINES)
        chosen[label] = colour, next((x for x in wanted if x not in taken), usual), next(marks)
    return chosen


def _line(change: str) -> Line:
    """Return the line style of a recalibration."""
    return ":" if "undone" in change else "--" if "scal" in change else "-."


def line_widths(curves: int) -> Iterable[float]:
    """Return a line width for each curve, decreasing, so that curves that coincide stay visible.

    >>> [round(width, 2) for width in line_widths(3)]
    [1.9, 1.55, 1.2]
    """
    return np.linspace(1.2 + 0.35 * min(curves - 1, 5), 1.2, curves).tolist()


def plain(text: str, width: int = 40) -> str:
    r"""Make a name safe to draw with matplotlib, on at most two lines.

    The middle of a longer name is replaced by an ellipsis.

    >>> plain("cost in $")
    'cost in \\$'

    Args:
        text: the name.
        width: approximate number of characters in a line.
    """
    if len(text) > 2 * width:
        text = f"{text[: width - 1]}…{text[-width:]}"
    lines = "\n".join(textwrap.wrap(text, width))
    # matplotlib reads "$" as the start of a formula and leaves labels that begin with "_" out of
    # legends.
    return (" " if lines.startswith("_") else "") + lines.replace("$", r"\$")


def alt(figure: Figure) -> str:
    """Return the description of a figure in words.

    >>> alt(Figure(label="an empty figure"))
    'an empty figure'
    """
    return str(figure.get_label())


def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    r"""Return a figure as a PNG file, with its description in the metadata.

    >>> to_png(Figure(figsize=(2, 1), label="an empty figure"))[:4]
    b'\x89PNG'
    """
    figure.set_dpi(dpi)
    buffer = io.BytesIO()
    # `savefig` would draw the figure twice, the first time only to compute the layout.
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Description": alt(figure)})
    return buffer.getvalue()


def to_file(figure: Figure, suffix: Literal["pdf", "svg", "png"]) -> bytes:
    """Return a figure as a file for a paper, with its description in the metadata.

    Equal figures make equal files. A PDF file embeds its fonts as TrueType, because publishers
    refuse Type 3 fonts.

    >>> to_file(Figure(figsize=(2, 1), label="an empty figure"), "pdf")[:4]
    b'%PDF'
    """
    if suffix == "png":
        return to_png(figure, PRINT_DPI)
    metadata = {
        "pdf": {"Subject": alt(figure), "CreationDate": None},
        "svg": {"Description": alt(figure), "Date": None},
    }
    buffer = io.BytesIO()
    with mpl.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "aslp_lib"}):
        figure.savefig(buffer, format=suffix, dpi=PRINT_DPI, metadata=metadata[suffix])
    return buffer.getvalue()


def page_width(figure: Figure) -> int:
    """Return the width of a figure on an HTML page, in CSS pixels.

    >>> page_width(Figure(figsize=(2, 1)))
    192
    """
    return round(PAGE_DPI * figure.get_figwidth())


def show(figure: Figure) -> Image:
    """Return a figure as an image for a notebook, with alt text.

    >>> show(Figure(figsize=(2, 1), label="an empty figure"))
    an empty figure
    """
    from IPython.display import Image

    image = Image(to_png(figure), alt=alt(figure), width=page_width(figure))
    # The plain-text output of a cell is the alt text, which is stable and readable without images.
    image.__class__ = type("Picture", (Image,), {"__repr__": lambda self: self.alt})
    return image


def new_figure(width: float, height: float, *titles: str | None) -> Figure:
    """Create an empty figure outside pyplot's global list, so that it need not be closed.

    >>> [new_figure(2, 1, "Images", name).get_suptitle() for name in ("SOD", "")]
    ['Images, SOD', 'Images']

    Args:
        width, height: size in inches.
        titles: parts of the title; those that are None or empty, such as the name of a set that a
            heading of the page gives, are left out.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    figure = Figure(figsize=(width, height), layout=layout)
    if title := ", ".join(filter(None, titles)):
        figure.suptitle(plain(title, int(11 * width)))
    return figure
