"""Figures of temperature scaling and early stopping: what they change, and what they leave.

All of them are of BCE, and so they are grey.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.bill.decision import Bill
from aslp_lib.evaluation.figures.style import OF_METHODS, directions, ink, themed
from aslp_lib.metrics.counts import Counts

Array = NDArray[np.float64]
BCE = OF_METHODS["BCE"]


@themed
def over_epochs(log: Sequence[Mapping[str, float]], first: int, marked: int) -> Figure:
    """Draw loss, confidence and accuracy of a training log from an epoch on, and mark another."""
    late = {key: np.array([row[key] for row in log[first - 1 :]]) for key in log[0]}
    epoch, confidence, accuracy = late["epoch"], 100 * late["confidence"], 100 * late["accuracy"]
    title = f"BCE on nuclei, from epoch {first} on"
    figure, axes = new_panels(2, 4.2, 3.2, title)
    axes[0].plot(epoch, late["loss"], color=BCE)
    axes[1].plot(epoch, confidence, color=BCE, linewidth=2.5)
    axes[1].plot(epoch, accuracy, color=ink(), linewidth=1)
    for sign, colour in zip((1, -1), directions(), strict=True):
        wrong = sign * (confidence - accuracy) > 0
        axes[1].fill_between(epoch, confidence, accuracy, wrong, color=colour, alpha=0.3, lw=0)
    axes[1].text(epoch[-1], confidence[-1] + 0.3, "confidence", ha="right")
    axes[1].text(epoch[-1], accuracy[-1] - 1, "accuracy", ha="right")
    for axis, ylabel in zip(axes, ("training loss, nats", "validation, %"), strict=True):
        axis.axvline(marked, color=ink(), linestyle=":", linewidth=1)
        axis.set(xlabel="epoch", ylabel=ylabel)
    ends = {"training loss": late["loss"], "confidence": confidence, "accuracy": accuracy}
    notes = "; ".join(f"{name} {line[0]:.3g} → {line[-1]:.3g}" for name, line in ends.items())
    figure.set_label(f"{title}: {notes}. Marked: epoch {marked}.")
    return figure


@themed
def histograms(pixels: Array, margins: Array, temperature: float) -> Figure:
    """Draw how many pixels have a margin, and what they add to the NLL, as trained and scaled."""
    edges = np.arange(-15.25, 15.5, 0.5)
    middles, share = (edges[1:] + edges[:-1]) / 2, pixels / pixels.sum()

    def binned(weights: Array) -> Array:
        return np.histogram(margins, edges, weights=weights)[0]

    losses = {"BCE": margins, "BCE, scaled": margins / temperature}
    panels = {
        "pixels in bins of 0.5, %": {"BCE": binned(100 * share)},
        "their part of the NLL, nats": {
            label: binned(share * np.logaddexp(0, -m)) for label, m in losses.items()
        },
    }
    title = "Division makes mistakes cheaper and correct pixels more expensive"
    figure = curves(middles, panels, "margin m as trained", title, xlim=(-15, 15))
    for axis in figure.axes:
        axis.axvspan(-15, 0, color=BCE, alpha=0.15, linewidth=0)
        axis.text(0.04, 0.92, "wrong", transform=axis.transAxes)
    notes = [
        f"{name} of {label}: most near {middles[line.argmax()]:.1f}"
        for name, lines in panels.items()
        for label, line in lines.items()
    ]
    figure.set_label(f"{title}. {'; '.join(notes)}.")
    return figure


def temperatures(
    values: Array, nll: Mapping[str, Sequence[float]], lowest: Mapping[str, tuple[float, float]]
) -> Figure:
    """Draw the NLL of sets over temperatures, with the lowest of each: set -> temperature, NLL."""
    return curves(
        values, {"NLL, nats per pixel": nll}, "temperature T", "NLL of one network on three sets",
        points=lowest, upright={"T = 1": 1}, digits=".2g", solid=True, xscale="log",
        xticks=(0.25, 0.5, 1, 2, 4, 8, 16), yscale="log",
        yticks=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
    )  # fmt: skip


@themed
def paid_over_checks(counts: Counts, bills: Mapping[str, Bill], miss: float = 10) -> Figure:
    """Draw what is paid for 100 pixels if pixels are checked in the order of f, and two bills.

    A perfect order would cost the share of foreground.

    Args:
        counts: counts of a set.
        bills: what was done to the network -> its bill.
        miss: cost of an unchecked foreground pixel.
    """
    background, foreground = counts.ranked[:, ::-1] / counts.pixels  # highest f first
    checks, perfect = (background + foreground).cumsum(), foreground.sum()
    paid = checks + miss * (perfect - foreground.cumsum())
    points = {f"BCE, {label}": (100 * b.checked, 100 * b.paid) for label, b in bills.items()}
    figure = curves(
        100 * checks, {"paid for 100 pixels, in checks": {"BCE": 100 * paid}},
        "pixels checked, %", f"Scaling moves the bill along a curve (a miss costs {miss:g})",
        digits=".0f", points=points,
        xlim=(0, 102), ylim=(0, 110),
    )  # fmt: skip
    # Each line begins where its bill is paid, so that it crosses no label.
    lines = {
        "least for this order": (checks[paid.argmin()], paid.min()),
        "for a perfect order": (perfect, perfect),
    }
    for label, (start, share) in lines.items():
        ends = [100 * start, 102], [100 * share] * 2
        figure.axes[0].plot(*ends, color=ink(), linestyle=":", linewidth=1)
        figure.axes[0].text(101, 100 * share - 1, label, ha="right", va="top")
        figure.set_label(f"{figure.get_label()} {label.capitalize()}: {100 * share:.0f}.")
    return figure


@themed
def gaps(parts: Mapping[str, tuple[float, float]], title: str) -> Figure:
    """Draw confidence minus accuracy of parts of the data, before and after recalibration.

    Marks have the colour of the direction of their error; those of less than half a point are open.

    Args:
        parts: label -> points before and after.
    """
    figure, (axis,) = new_panels(1, 6.6, 1.3 + 0.28 * len(parts))
    axis.axvline(0, color=ink(), linewidth=1)
    for row, pair in enumerate(parts.values()):
        axis.plot(pair, [row, row], color=BCE, linewidth=1.5, zorder=1)
        for gap, mark in zip(pair, "s^", strict=True):
            colour = directions()[int(gap < 0)] if abs(gap) > 0.5 else axis.get_facecolor()
            axis.plot(gap, row, mark, color=colour, markeredgecolor=ink(), ms=7)
    for gap, label in zip(next(iter(parts.values())), ("as trained", "scaled"), strict=True):
        axis.text(gap, -0.4, label, ha="center", va="bottom")
    xlabel = "underconfident  ←  confidence minus accuracy, points  →  overconfident"
    axis.set(title=title, xlabel=xlabel, yticks=range(len(parts)), yticklabels=parts, xlim=(-5, 22))
    axis.set_ylim(len(parts) - 0.5, -1.2)
    notes = [f"{label} {before:+z.0f} → {after:+z.0f}" for label, (before, after) in parts.items()]
    figure.set_label(
        f"{title}: confidence minus accuracy in points, before → after. {'; '.join(notes)}."
    )
    return figure
