"""Figures of curves over a common variable."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import ink, looks, plain, themed

MARKED = 40
"""Curves of more values, and constants, are drawn without marks."""
FEW = 5
"""Longer curves are described by their ends."""
LINE = 20
"""Number of characters in a line of a label."""
SIZE = 9.3
"""Size of the labels of lines and marks, in points."""
NONE: Mapping[str, Any] = {}


def label_ends(axis: Axes, lines: Sequence[Line2D]) -> None:
    """Write the label of each line beside its right end, so that no legend need be looked up.

    Labels that would overlap are moved apart, by as little as possible; a sample of the line
    before each says which line it names.

    >>> figure, (axis,) = new_panels(1, 4, 3)
    >>> label_ends(axis, axis.plot([0, 1], [[0, 1], [9, 9.1]], label=["first", "second"]))
    >>> first, second = (text.get_position()[1] for text in axis.texts)
    >>> bool(0.8 < first < second - 0.08 < 1)  # near the upper end of the axis
    True

    Args:
        axis: axes whose limits do not change any more.
        lines: some of its lines; the last value of each is finite.
    """
    figure = cast(Figure, axis.figure)
    columns = axis.get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    inch = 1 / (figure.get_figwidth() / columns - 1), 1 / (figure.get_figheight() - 1)
    labels = [plain(str(line.get_label()), LINE) for line in lines]
    axis.autoscale_view()  # matplotlib would only do so when it draws
    to_axes = axis.transScale + axis.transLimits
    values = [np.asarray(line.get_ydata(), float)[-1] for line in lines]
    ends = to_axes.transform(np.reshape([(1, value) for value in values], (-1, 2)))[:, 1]
    order = np.argsort(ends, kind="stable")
    heights = np.array([0.17 * (1 + label.count("\n")) * inch[1] for label in labels])[order]
    # The least movement that leaves every label its height.
    offsets = np.cumsum(heights) - heights / 2
    places = isotonic_regression(ends[order].clip(0, 1) - offsets).x + offsets
    for place, number in zip(places, order, strict=True):
        sample = Line2D([1 + x * inch[0] for x in (0.08, 0.24, 0.4)], [place] * 3)
        sample.update_from(lines[number])
        sample.set(transform=axis.transAxes, clip_on=False, label="_sample", markevery=[1])
        axis.add_line(sample)
        axis.text(
            1 + 0.46 * inch[0], place, labels[number], transform=axis.transAxes, va="center",
            fontsize=SIZE,
        )  # fmt: skip


@themed
def curves(
    x: Sequence[float] | NDArray[np.float64],
    panels: Mapping[str, Mapping[str, ArrayLike]],
    xlabel: str,
    title: str,
    *,
    across: Mapping[str, float] = NONE,
    upright: Mapping[str, float] = NONE,
    digits: str = ".3g",
    solid: bool = False,
    **options: Any,
) -> Figure:
    """Plot curves over a common variable, with one panel per quantity.

    A curve has one look in all panels, and its label at its right end in the last of them.

    Args:
        x: values of the variable.
        panels: label of the vertical axis -> label of a curve -> its values, (x,), or (3, x) with
            the lower and the upper end of a band after the values.
        xlabel: label of the horizontal axes.
        across, upright: label -> place of a horizontal or vertical line of reference.
        digits: format of the values in the alt text.
        solid: draw all curves solid, because dashes stand for a temperature.
        options: properties of the axes, see `Axes.set`.
    """
    labelled = {name: ylabel for ylabel, lines in panels.items() for name in (*lines, *across)}
    longest = min(LINE, max(map(len, labelled)))
    width = (5.2 if len(panels) == 1 else 3.7) + (0.5 + 0.075 * longest) / len(panels)
    figure, axes = new_panels(len(panels), width, 3.4, title)
    look = looks(dict.fromkeys(itertools.chain(*panels.values())))
    notes = []
    for axis, (ylabel, lines) in zip(axes, panels.items(), strict=True):
        ends = []
        for name, values in lines.items():
            mean, *band = np.atleast_2d(values)
            colour, line, mark = look[name]
            few = len(x) <= MARKED and np.ptp(mean) > 0
            style = {"marker": mark if few else "", "markevery": max(1, len(x) // 8)}
            axis.plot(x, mean, "-" if solid else line, color=colour, label=name, **style)
            shown = mean if len(mean) <= FEW else mean[[0, -1]]
            text = f"{name} {' → '.join(f'{value:z{digits}}' for value in shown)}"
            if band:
                axis.fill_between(x, *band, color=colour, alpha=0.2, linewidth=0)
                text += f" [{band[0][-1]:z{digits}} to {band[1][-1]:z{digits}}]"
            ends.append(text)
        notes.append(f"{ylabel}: {', '.join(ends)}".replace("\n", " "))
        dashes = itertools.cycle((":", "--"))
        for name, place in upright.items():
            axis.axvline(place, color=ink(), linestyle=next(dashes), linewidth=1)
            over = axis.get_xaxis_transform()
            axis.text(place, 1.01, plain(name, LINE), transform=over, ha="center", fontsize=SIZE)
        for name, place in across.items():
            axis.axhline(place, color=ink(), linestyle=next(dashes), linewidth=1, label=name)
        axis.set(xlabel=xlabel, ylabel=ylabel, **options)
        for ticks, scale in (("xticks", axis.xaxis), ("yticks", axis.yaxis)):
            if ticks in options:
                scale.set_major_formatter("{x:g}")
                axis.minorticks_off()
        label_ends(axis, [x for x in axis.lines if labelled.get(str(x.get_label())) == ylabel])
    marked = [f"{name} at {place:.3g}" for name, place in (*upright.items(), *across.items())]
    low, high = (np.format_float_positional(float(f"{end:.3g}"), trim="-") for end in (x[0], x[-1]))
    figure.set_label(
        f"{title}: over {xlabel} from {low} to {high}. {'. '.join(notes)}."
        + (f" Marked: {'; '.join(marked)}." if marked else "")
    )
    return figure
