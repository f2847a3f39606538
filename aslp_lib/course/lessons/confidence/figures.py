"""Figure of the mistakes that confidences promise, and of those that are made."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import directions, ink, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.calibration import Reliability
from aslp_lib.metrics.counts import Counts

WORDS = "more than promised: overconfident", "fewer than promised: underconfident"


def draw_mistakes(axis: Axes, table: Reliability, top: float) -> str:
    """Draw the mistakes of each bin as a dash (promised) and a dot (made), joined by a bar.

    Bars have the colour of their direction, and their length is written beside them. The two marks
    of the largest bin are named.

    Args:
        top: end of the vertical axis, in mistakes per 100 pixels.

    Returns:
        a description in words.
    """
    full = table.pixels > 0
    share = 100 * table.share[full]
    promised, made = share * (1 - np.array([table.confidence, table.accuracy])[:, full])
    left, right = 100 * table.edges[:-1][full], 100 * table.edges[1:][full]
    under, middle = (made <= promised).astype(int), (left + right) / 2
    axis.vlines(middle, promised, made, colors=[directions()[k] for k in under], linewidth=4)
    axis.hlines(promised, middle - 2.5, middle + 2.5, color=ink(), linewidth=1.2)
    axis.plot(middle, made, "o", color=ink(), markersize=5)
    notes = []
    for k, x in enumerate(middle):
        of_most = k == share.argmax()
        texts = [(f"{made[k] - promised[k]:+.1f}".replace("-", "−"), max(promised[k], made[k]))]
        if of_most:
            texts = [(texts[0][0], (promised[k] + made[k]) / 2)]
            texts += [
                (f"made {made[k]:.2f}", made[k]),
                (f"promised {promised[k]:.2f}", promised[k]),
            ]
        for colour, (text, height) in zip(
            (directions(text=True)[under[k]], ink(), ink()), texts, strict=False
        ):
            axis.annotate(
                text, (x + 2.8 * of_most, height), (4, 0) if of_most else (0, 6), color=colour,
                textcoords="offset points", ha="left" if of_most else "center",
                va="center" if of_most else "bottom",
            )  # fmt: skip
        between = f"confidence {left[k]:.0f} to {right[k]:.0f} %"
        notes.append(f"{between}: {promised[k]:.1f} promised, {made[k]:.1f} made")
    present = [k for k in (0, 1) if k in under]
    for line, k in enumerate(present):
        axis.text(
            0.03, 0.95 - 0.09 * line, WORDS[k], color=directions(text=True)[k], va="top",
            transform=axis.transAxes,
        )  # fmt: skip
    axis.set(xlim=(50, 100), ylim=(0, top), xlabel="confidence, %")
    axis.set_ylabel("mistakes, in 100 pixels of the set")
    axis.text(1.25, 0, " ", transform=axis.transAxes)  # room for the names
    return "; ".join(notes)


@themed
def mistakes(panels: Mapping[str, Counts], top: float = 6.5) -> Figure:
    """Plot the mistakes in 100 pixels, promised and made, over the confidence of their bin.

    Args:
        panels: title -> counts.
        top: end of the vertical axis, the same for all panels.
    """
    figure, axes = new_panels(len(panels), 5, 3.3)
    notes = []
    for axis, (title, counts) in zip(axes, panels.items(), strict=True):
        words = draw_mistakes(axis, calibration.reliability(counts), top)
        axis.set_title(title)
        notes.append(f"{title}, {words}")
    figure.set_label(f"Mistakes in 100 pixels. {'. '.join(notes)}.")
    return figure
