"""Reliability diagrams of dots and bars, of P(y=1)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import directions, ink, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


def draw_bins(
    axis: Axes, counts: Counts, colours: Sequence[str], growth: float = 1.5
) -> NDArray[np.float64]:
    """Draw the share of foreground in each bin over the bin's mean f, and bars from the diagonal.

    The area of a dot grows with the pixels of its bin.

    Args:
        axis: axes of the diagram.
        counts: counts of the pixels.
        colours: colours of the bars of bins that are over- and underconfident in the predicted
            class.
        growth: what 1 % of the pixels adds to the area of a dot, in points².

    Returns:
        (3, bins), in %: mean f, share of foreground, and share of all pixels, of bins with pixels.
    """
    table = calibration.reliability(counts, of="foreground")
    bins = 100 * np.array([table.confidence, table.accuracy, table.share])[:, table.pixels > 0]
    x, y, share = bins
    axis.plot([0, 100], [0, 100], "--", color=ink(), linewidth=1)
    under = (x < y) == (x >= 50)  # too low an f is too confident a background
    axis.vlines(x, x, y, colors=[colours[int(k)] for k in under], linewidth=4)
    axis.scatter(x, y, s=12 + growth * share, color=ink(), linewidth=0, zorder=3, clip_on=False)
    axis.set(xlim=(0, 100), ylim=(0, 102))
    return bins


@themed
def reliability_dots(panels: Mapping[str, Counts], leaders: bool = True) -> Figure:
    """Plot the share of foreground in each bin over the bin's mean f.

    The larger a dot, the more pixels the bin has. A bar leads to it from the diagonal. Its colour
    says whether the bin is overconfident or underconfident in the predicted class.

    Args:
        panels: title -> counts.
        leaders: say how many pixels the largest dot stands for.
    """
    figure, axes = new_panels(len(panels), 3.5, 3.6)
    notes = []
    for axis, (title, counts) in zip(axes, panels.items(), strict=True):
        x, y, share = draw_bins(axis, counts, directions())
        axis.set(xlabel="predicted P(y=1), f, %", ylabel="share of foreground, %", title=title)
        most = share.argmax()
        size = f"{share[most]:.0f} % of\nthe pixels"
        place = ((0.99, 0.28), "right") if x[most] >= 50 else ((0.5, 0.1), "left")
        if leaders:
            axis.annotate(
                size, (x[most], y[most]), place[0], ha=place[1], textcoords="axes fraction",
                arrowprops={"arrowstyle": "-", "color": ink(), "linewidth": 0.8},
            )  # fmt: skip
        points = ", ".join(f"{a:.0f} and {b:.0f}" for a, b in zip(x, y, strict=True))
        notes.append(
            f"{title}: mean f and share of foreground, %: {points}; {share[most]:.0f} % of the "
            f"pixels are in the bin of {x[most]:.0f} %"
        )
    verdicts = zip(("overconfident", "underconfident"), directions(text=True), strict=True)
    for height, (name, colour) in zip((0.9, 0.83), verdicts, strict=True):
        axes[0].text(0.04, height, name, color=colour, transform=axes[0].transAxes)
    figure.set_label(f"Reliability diagrams. {'. '.join(notes)}.")
    return figure
