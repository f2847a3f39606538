"""Figures of curves over a common variable, and of alphas over epochs."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.simulation import Trace
from aslp_lib.evaluation.figures.style import (
    draw_legend,
    ink,
    legend_below,
    looks,
    plain,
    themed,
)

MARKED = 40
"""Curves of more values are drawn without marks."""
FEW = 5
"""Longer curves are described by their ends."""
LINE = 28
"""Number of characters in a line of the legend."""
NONE: Mapping[str, Any] = {}


@themed
def curves(
    x: Sequence[float] | NDArray[np.float64],
    panels: Mapping[str, Mapping[str, ArrayLike]],
    xlabel: str,
    title: str,
    *,
    points: Mapping[str, tuple[float, float]] = NONE,
    across: Mapping[str, float] = NONE,
    upright: Mapping[str, float] = NONE,
    digits: str = ".3g",
    solid: bool = False,
    **options: Any,
) -> Figure:
    """Plot curves over a common variable, with one panel per quantity.

    A label has one look in all panels, and one entry in the legend.

    Args:
        x: values of the variable.
        panels: label of the vertical axis -> label of a curve -> its values, (x,), or (3, x) with
            the lower and the upper end of a band after the values.
        xlabel: label of the horizontal axes.
        points: label -> x and y of an open mark; that of a curve has the curve's look.
        across, upright: label -> place of a horizontal or vertical line of reference.
        digits: format of the values in the alt text.
        solid: draw all curves solid, because dashes stand for a temperature.
        options: properties of the axes, see `Axes.set`.
    """
    figure, axes = new_panels(len(panels), 6.2 if len(panels) == 1 else 4.2, 3.4, title)
    look = looks(dict.fromkeys([*itertools.chain(*panels.values()), *points]))
    legend: dict[str, Artist] = {}
    notes = []
    for axis, (ylabel, lines) in zip(axes, panels.items(), strict=True):
        ends = []
        for name, values in lines.items():
            mean, *band = np.atleast_2d(values)
            colour, line, mark = look[name]
            style = {"marker": mark if len(x) <= MARKED else "", "markevery": max(1, len(x) // 8)}
            axis.plot(x, mean, "-" if solid else line, color=colour, label=name, **style)
            shown = mean if len(mean) <= FEW else mean[[0, -1]]
            text = f"{name} {' → '.join(f'{value:z{digits}}' for value in shown)}"
            if band:
                axis.fill_between(x, *band, color=colour, alpha=0.2, linewidth=0)
                text += f" [{band[0][-1]:z{digits}} to {band[1][-1]:z{digits}}]"
            ends.append(text)
        notes.append(f"{ylabel}: {', '.join(ends)}".replace("\n", " "))
        for name, point in points.items():
            colour, _, mark = look[name]
            axis.plot(*point, mark, color=colour, label=name, fillstyle="none", ms=9, mew=1.6)
        dashes = itertools.cycle((":", "--"))
        for draw, places in ((axis.axvline, upright), (axis.axhline, across)):
            for name, place in places.items():
                draw(place, color=ink(), linestyle=next(dashes), linewidth=1, label=name)
        axis.set(xlabel=xlabel, ylabel=ylabel, **options)
        for ticks, scale in (("xticks", axis.xaxis), ("yticks", axis.yaxis)):
            if ticks in options:
                scale.set_major_formatter("{x:g}")
                axis.minorticks_off()
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            legend.setdefault(label, handle)
    labels = [plain(label, LINE) for label in legend]
    longest = min(LINE, max(map(len, legend)))
    draw_legend(figure, [*legend.values()], labels, 0.6 + 0.08 * longest)
    marked = [f"{name} at {a:{digits}}, {b:{digits}}" for name, (a, b) in points.items()]
    marked += [f"{name} at {place:.3g}" for name, place in (*upright.items(), *across.items())]
    low, high = (np.format_float_positional(float(f"{end:.3g}"), trim="-") for end in (x[0], x[-1]))
    figure.set_label(
        f"{title}: over {xlabel} from {low} to {high}. {'. '.join(notes)}."
        + (f" Marked: {'; '.join(marked)}." if marked else "")
    )
    return figure


@themed
def alphas_over_epochs(traces: Mapping[str, Trace]) -> Figure:
    """Plot the alphas of three images over the epochs with their bound, one panel per simulation.

    Args:
        traces: label -> the simulation, all of the same images.
    """
    figure, panels = new_panels(len(traces), 3.9, 3.5, sharey=True)
    images = next(iter(traces.values())).examples
    notes = []
    for axis, (title, trace) in zip(panels, traces.items(), strict=True):
        epoch = np.arange(1, len(trace.alpha) + 1)
        axis.plot(epoch, trace.bound, color=ink(), linewidth=1, label="bound")
        for name, (colour, line, _) in looks(images).items():
            axis.plot(epoch, trace.alpha[:, images[name]], line, color=colour, label=name)
        axis.set(xlabel="epoch", title=title)
        tail = trace.alpha[-10:, list(images.values())]
        # An oscillation is described in words, because its extremes differ between processors.
        oscillates = np.ptp(tail, axis=0).max() > 0.2 * tail.mean()
        state = "oscillate" if oscillates else f"lie from {tail.min():.3f} to {tail.max():.3f}"
        notes.append(f"{title}: in the last 10 epochs they {state}, bound {trace.bound[-1]:.3f}")
    top = max(trace.alpha.max() for trace in traces.values())
    panels[0].set(ylabel="perturbation level alpha", ylim=(0, 1.1 * top))
    legend_below(figure, panels[0])
    figure.set_label(
        f"Alphas of {len(images)} images ({', '.join(images)}) over epochs. {'; '.join(notes)}."
    )
    return figure
