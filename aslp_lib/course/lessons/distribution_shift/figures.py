"""NLL and bill over the temperature, the bill over the area, and where f is too high."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from aslp_lib.course.figures.curves import SIZE
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.figures.reliability import draw_bins
from aslp_lib.course.lessons.distribution_shift.laboratory import MISS
from aslp_lib.evaluation.figures.style import GREY, OTHERS, ink, themed
from aslp_lib.metrics.counts import Counts

TICKS = 0.5, 1, 2, 4, 8, 16
"""Temperatures at the ticks."""


@themed
def over_temperature(
    temperatures: NDArray[np.float64],
    nll: Mapping[str, ArrayLike],
    paid: Mapping[str, ArrayLike],
    marked: Mapping[str, float],
) -> Figure:
    """Plot the NLL and the bill of 100 pixels of two sets over T.

    Args:
        temperatures: the values of T.
        nll, paid: set -> values, one for each T; the first set is that of the training data.
        marked: name of a temperature -> the temperature, which a dotted line marks.
    """
    figure, axes = new_panels(2, 4.3, 3.6)
    colours = dict(zip(nll, (ink(), OTHERS[2]), strict=False))
    notes = []
    panels = {"NLL, nats per pixel": nll, "paid for 100 pixels": paid}
    for axis, (ylabel, lines) in zip(axes, panels.items(), strict=True):
        for name, values in lines.items():
            axis.plot(temperatures, values, color=colours[name])
            ends = " to ".join(f"{x:.3g}" for x in np.asarray(values, float)[[0, -1]])
            notes.append(f"{ylabel}, {name}: {ends}, lowest {np.min(values):.3g}")
        for name, value in marked.items():
            axis.axvline(value, color=ink(), linestyle=":", linewidth=1)
            place = {"transform": axis.get_xaxis_transform(), "ha": "center", "va": "bottom"}
            axis.text(value, 1.01, name.replace("T of ", "T of\n"), fontsize=SIZE, **place)
        axis.set(xlabel="temperature T", ylabel=ylabel, xscale="log", xticks=TICKS)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
    constant = np.log(2)
    axes[0].axhline(constant, color=ink(), linestyle="--", linewidth=1)
    axes[0].text(4, 0.9, "dashed: f = 1/2\neverywhere", fontsize=SIZE)
    axes[0].set(ylim=(0, 4), yticks=range(5))
    axes[1].text(4.2, 101, "all checked", fontsize=SIZE, va="bottom")
    axes[1].set(ylim=(40, 108))
    beside = ((0.5, 0.12), (2.15, 1.45)), ((0.5, 69), (0.5, 57))
    for axis, places in zip(axes, beside, strict=True):
        for (x, y), (name, colour) in zip(places, colours.items(), strict=False):
            axis.text(x, y, name, color=colour, fontsize=SIZE)
    temperatures_marked = ", ".join(f"{name}, {value:.3g}" for name, value in marked.items())
    figure.set_label(
        f"NLL and bill of one network over temperature T from {temperatures[0]:g} to "
        f"{temperatures[-1]:g}. {'. '.join(notes)}. Dotted: {temperatures_marked}. Dashed: the NLL "
        f"of f = 1/2 everywhere, {constant:.2f}."
    )
    return figure


@themed
def diagram(panels: Mapping[str, Counts]) -> Figure:
    """Plot reliability diagrams that tell where f is too high and where it is too low.

    The area of a dot grows with the pixels of its bin, and the largest says how many these are. A
    band covers the f at which nothing is checked.

    Args:
        panels: title -> counts.
    """
    figure, axes = new_panels(len(panels), 3.6, 3.8)
    notes = []
    for axis, (title, counts) in zip(axes, panels.items(), strict=True):
        x, y, share = draw_bins(axis, counts, (GREY, GREY), growth=6)
        key = "above the line: f too low\nbelow it: f too high\nlargest dot: "
        axis.text(13, 100, f"{key}{share.max():.0f} % of pixels", va="top", fontsize=SIZE)
        axis.axvspan(0, 100 / MISS, color=GREY, alpha=0.25, linewidth=0)
        axis.text(50 / MISS, 60, "not checked", rotation=90, ha="center", va="center")
        axis.set(title=title, xlabel="f, %", ylabel="share of nuclei, %")
        points = ", ".join(f"{a:.0f} and {b:.0f}" for a, b in zip(x, y, strict=True))
        notes.append(f"{title}: mean f and share of nuclei, %: {points}")
    figure.set_label(f"Reliability diagrams. {'. '.join(notes)}.")
    return figure


@themed
def over_area(
    areas: NDArray[np.float64],
    paid: Sequence[float],
    counted: NDArray[np.float64],
    true: float,
    without: float,
) -> Figure:
    """Plot the bill of 100 pixels over the area to which an offset was fitted.

    A band covers the middle 95 % of the areas that counting points gave.

    Args:
        areas: areas, as shares of all pixels.
        paid: the bill with each of them.
        counted: areas that points gave.
        true: the true area.
        without: the bill without an offset.
    """
    figure, (axis,) = new_panels(1, 5.6, 3.6)
    low, high = 100 * np.quantile(counted, [0.025, 0.975])
    axis.axvspan(low, high, color=GREY, alpha=0.25, linewidth=0, label="95 % of the counts")
    axis.axvline(100 * true, color=ink(), linestyle=":", linewidth=1, label="true area")
    axis.axhline(without, color=ink(), linestyle="--", linewidth=1, label="T alone")
    axis.plot(100 * areas, paid, color=ink(), label="with an offset")
    axis.set(xlabel="area told to the offset, %", ylabel="paid for 100 pixels")
    axis.set(xlim=(0, 100 * areas[-1]), ylim=(40, None))
    axis.legend(loc="upper right", frameon=False, fontsize=SIZE)
    figure.set_label(
        f"Bill of 100 pixels over the area told to the offset, from {100 * areas[0]:.0f} to "
        f"{100 * areas[-1]:.0f} %: {paid[0]:.0f} to {paid[-1]:.0f}, lowest {min(paid):.0f}. The "
        f"true area is {100 * true:.0f} %; 95 % of the counts lie from {low:.0f} to {high:.0f} %. "
        f"Dashed: the bill without an offset, {without:.0f}."
    )
    return figure
