"""NLL and bill of three microscopes over the temperature."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from aslp_lib.course.figures.curves import SIZE
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import OTHERS, ink, themed

TICKS = 0.25, 0.5, 1, 2, 4, 8, 16
"""Temperatures at the ticks."""


@themed
def over_temperature(
    temperatures: NDArray[np.float64],
    nll: Mapping[str, ArrayLike],
    paid: Mapping[str, ArrayLike],
    of_validation: float,
) -> Figure:
    """Plot the NLL, up to 2, and the bill of 100 pixels over T, with a dot at each minimum.

    Args:
        temperatures: the values of T, from 1/4 to 16.
        nll, paid: microscope -> values, one for each T; the first is that of the training data.
        of_validation: the T of validation, which is marked.
    """
    panels = {"NLL, nats per pixel": nll, "paid for 100 pixels": paid}
    figure, axes = new_panels(2, 4.3, 3.4, "One network, three microscopes. Dots: lowest points")
    colours = dict(zip(nll, (ink(), *OTHERS[1:]), strict=False))
    notes = []
    for axis, (ylabel, lines) in zip(axes, panels.items(), strict=True):
        for name, values in lines.items():
            best = int(np.argmin(values))
            lowest = temperatures[best], np.asarray(values)[best]
            axis.plot(temperatures, values, color=colours[name], label=name)
            axis.plot(*lowest, "o", color=colours[name], clip_on=False, zorder=5)
            notes.append(f"{ylabel}, {name}: lowest {lowest[1]:.3g}, at T = {lowest[0]:.2g}")
        for place, name, side in (
            (1, "as trained ", "right"),
            (of_validation, " T of validation", "left"),
        ):
            axis.axvline(place, color=ink(), linestyle=":", linewidth=1)
            over = axis.get_xaxis_transform()
            axis.text(place, 1.01, name, transform=over, ha=side, fontsize=SIZE)
        axis.set(xlabel="temperature T", ylabel=ylabel, xscale="log", xticks=TICKS)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
    axes[0].set(ylim=(0, 2), yticks=(0, 0.5, 1, 1.5, 2))
    axes[0].legend(loc="upper right", frameon=False, fontsize=SIZE)
    for name, values in paid.items():
        first, second = np.asarray(values, float)[:2]
        place, side = (first + 1, "bottom") if second < first else (first - 2, "top")
        axes[1].text(TICKS[0], place, name, color=colours[name], va=side, fontsize=SIZE)
    figure.set_label(
        f"One network, three microscopes: NLL and bill over temperature T from {TICKS[0]} to "
        f"{TICKS[-1]}. {'. '.join(notes)}. T of validation is {of_validation:.3g}."
    )
    return figure
