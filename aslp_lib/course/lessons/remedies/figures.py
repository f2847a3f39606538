"""Figures of temperature scaling and early stopping: what they change, and what they leave.

All of them are of BCE, and so they are grey.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from aslp_lib.course.figures.curves import SIZE
from aslp_lib.course.figures.panels import new_panels, outline, picture_grid
from aslp_lib.course.lessons.bill.decision import Bill
from aslp_lib.evaluation.figures.style import OF_METHODS, directions, ink, themed
from aslp_lib.metrics.counts import Counts

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
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
    words = "overconfident", "underconfident"
    places: tuple[tuple[float, float, str], ...] = ((0.6, 0.69, "center"), (0.15, 0.3, "left"))
    for sign, fill, colour, word, (x, y, ha) in zip(
        (1, -1), directions(), directions(text=True), words, places, strict=True
    ):
        wrong = sign * (confidence - accuracy) > 0
        axes[1].fill_between(epoch, confidence, accuracy, wrong, color=fill, alpha=0.3, lw=0)
        axes[1].text(x, y, word, color=colour, ha=ha, transform=axes[1].transAxes, fontsize=SIZE)
    axes[1].text(epoch[-1], confidence[-1] + 0.3, "confidence", ha="right")
    axes[1].text(epoch[-1], accuracy[-1] - 1, "accuracy", ha="right")
    for axis, ylabel in zip(axes, ("training loss, nats", "validation, %"), strict=True):
        axis.axvline(marked, color=ink(), linestyle=":", linewidth=1)
        over = axis.get_xaxis_transform()
        axis.text(marked, 1.01, f"epoch {marked}", transform=over, ha="center", fontsize=SIZE)
        axis.set(xlabel="epoch", ylabel=ylabel)
    ends = {"training loss": late["loss"], "confidence": confidence, "accuracy": accuracy}
    notes = "; ".join(f"{name} {line[0]:.3g} → {line[-1]:.3g}" for name, line in ends.items())
    figure.set_label(f"{title}: {notes}. Marked: epoch {marked}.")
    return figure


@themed
def histograms(pixels: Array, margins: Array, temperature: float) -> Figure:
    """Draw how many pixels have a margin, and their part of the NLL, as trained and scaled.

    The sums over the wrong and over the correct pixels are written beside the curves.
    """
    edges = np.arange(-15.25, 15.5, 0.5)
    middles, share = (edges[1:] + edges[:-1]) / 2, pixels / pixels.sum()
    losses = {
        "as trained": share * np.logaddexp(0, -margins),
        "scaled": share * np.logaddexp(0, -margins / temperature),
    }
    whole = losses["as trained"].sum() / 100  # of which all are percentages
    losses = {label: loss / whole for label, loss in losses.items()}
    title = "Validation pixels, by their margin"
    figure, axes = new_panels(2, 4.5, 3.4, title, sharex=True)
    axes[0].plot(middles, np.histogram(margins, edges, weights=100 * share)[0], color=BCE)
    for (label, loss), line in zip(losses.items(), ("-", "--"), strict=True):
        binned = np.histogram(margins, edges, weights=loss)[0]
        axes[1].plot(middles, binned, line, color=BCE, label=label)
    sides = {"wrong": margins < 0, "correct": margins >= 0}
    notes = []
    for (side, part), x in zip(sides.items(), (0.03, 0.53), strict=True):
        of_losses = [f"{label}: {loss[part].sum():.0f} %" for label, loss in losses.items()]
        of_pixels = f"{100 * share[part].sum():.0f} % of pixels"
        for axis, lines in zip(axes, ([of_pixels], of_losses), strict=True):
            axis.text(
                x, 0.97, "\n".join([side, *lines]), transform=axis.transAxes, va="top",
                fontsize=SIZE,
            )  # fmt: skip
        notes.append(f"{side}: {of_pixels}, NLL {', '.join(of_losses)}")
    for axis, ylabel in zip(
        axes,
        ("pixels in bins of 0.5, %\n(log scale)", "NLL in bins of 0.5,\n% of the NLL as trained"),
        strict=True,
    ):
        axis.axvspan(-15, 0, color=BCE, alpha=0.15, linewidth=0)
        axis.set(xlabel="margin m as trained", ylabel=ylabel, xlim=(-15, 15))
    axes[0].set(yscale="log", ylim=(0.01, 200))
    axes[0].yaxis.set_major_formatter("{x:g}")
    axes[1].set_ylim(0, 1.35 * axes[1].get_ylim()[1])
    axes[1].legend(loc="center right", fontsize=SIZE, frameon=False)
    figure.set_label(f"{title}. {'; '.join(notes)}.")
    return figure


@themed
def temperatures(
    values: Array, nll: Mapping[str, Sequence[float]], lowest: Mapping[str, tuple[float, float]]
) -> Figure:
    """Draw the NLL of sets over temperatures, with the lowest of each: set -> temperature, NLL.

    Args:
        values: temperatures.
        nll: "training", "validation" and "test" -> NLL at each temperature.
        lowest: set -> its best temperature and the NLL there.
    """
    title = "One network, three sets"
    figure, (axis,) = new_panels(1, 6.4, 3.6, title)
    axis.axvline(1, color=ink(), linestyle=":", linewidth=1)
    over = axis.get_xaxis_transform()
    axis.text(1, 1.01, "as trained", transform=over, ha="center", fontsize=SIZE)
    below = {"ha": "right", "va": "top"}
    for name, line in nll.items():
        axis.plot(values, line, color=BCE)
        side = below if name == "validation" else {"ha": "left", "va": "bottom"}
        start = len(values) // (5 if name == "validation" else 32)
        axis.text(values[start], line[start], f" {name} ", fontsize=SIZE, **side)
        best, least = lowest[name]
        axis.plot(best, least, "o", color=ink(), ms=5)
        up = name == "test"
        axis.annotate(
            f"T = {best:#.2g}", (best, least), (0, 6 if up else -6), textcoords="offset points",
            ha="center", va="bottom" if up else "top", fontsize=SIZE,
        )  # fmt: skip
    axis.set(xscale="log", yscale="log", xlabel="temperature T", ylabel="NLL, nats per pixel")
    for ticks, scale in (
        ((0.25, 0.5, 1, 2, 4, 8, 16), axis.xaxis),
        ((0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1), axis.yaxis),
    ):
        scale.set_ticks(ticks)
        scale.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.set_ylim(bottom=0.55 * min(least for _, least in lowest.values()))
    notes = [f"{name} lowest, {least:.2g}, at {best:.2g}" for name, (best, least) in lowest.items()]
    figure.set_label(f"{title}: NLL over the temperature. {'; '.join(notes)}.")
    return figure


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
    title = "Pixels are checked from the highest f down"
    figure, (axis,) = new_panels(1, 6, 3.6, title)
    axis.plot(100 * checks, 100 * paid, color=BCE)
    notes = []
    for (label, b), mark in zip(bills.items(), "s^", strict=False):
        point = 100 * b.checked, 100 * b.paid
        axis.plot(*point, mark, color=BCE, markeredgecolor=ink(), ms=7)
        notes.append(f"{label}: {point[1]:.0f}")
        axis.annotate(
            notes[-1], point, (-9, -2), textcoords="offset points", ha="right", va="center"
        )
    # Each line begins where its bill is paid, so that it crosses no label.
    lines = {
        "lowest on this curve": (checks[paid.argmin()], paid.min()),
        "if all nucleus pixels came first": (perfect, perfect),
    }
    for label, (start, share) in lines.items():
        ends = [100 * start, 102], [100 * share] * 2
        axis.plot(*ends, color=ink(), linestyle=":", linewidth=1)
        notes.append(f"{label}: {100 * share:.0f}")
        axis.text(101, 100 * share - 1, notes[-1], ha="right", va="top")
    ylabel = f"bill for 100 pixels\n(check: 1, miss: {miss:g})"
    axis.set(xlabel="pixels checked, %", ylabel=ylabel, xlim=(0, 102), ylim=(0, 110))
    figure.set_label(f"{title}: bill over the share of pixels checked. {'; '.join(notes)}.")
    return figure


@themed
def edge(image: Array, mask: Array, at_edge: Flags, wrong: Flags) -> Figure:
    """Draw an image and the pixels at its predicted edges, those that are wrong in black.

    Args:
        image: image, (height, width, 3), with values from 0 to 1.
        mask: labels, whose outline is drawn on the image.
        at_edge: True at a predicted edge.
        wrong: True where the prediction is wrong.
    """
    marked = 1 - 0.35 * at_edge - 0.65 * (at_edge & wrong)
    figure, grid = picture_grid({"": [image, marked]}, 3)
    for axis, title in zip(
        grid[0], ("image, expert's outline", "pixels at a predicted edge"), strict=True
    ):
        axis.set_title(title, fontsize=10)
        axis.spines[:].set_visible(True)
    outline(grid[0][0], mask)
    named = [
        Patch(facecolor="0.65", edgecolor=ink(), label="correct"),
        Patch(facecolor="black", edgecolor=ink(), label="wrong"),
    ]
    figure.legend(handles=named, loc="outside lower center", ncols=2, fontsize=SIZE)
    share = 100 * (at_edge & wrong).sum() / at_edge.sum()
    figure.set_label(
        "An image with the expert's outline, and the pixels at a predicted edge, "
        f"of which {share:.0f} % are wrong."
    )
    return figure


@themed
def gaps(parts: Mapping[str, tuple[float, float]], title: str) -> Figure:
    """Draw confidence minus accuracy of parts of the data, before and after recalibration.

    Marks have the colour of the direction of their error.

    Args:
        parts: label -> points before and after.
    """
    figure, (axis,) = new_panels(1, 6.6, 1.3 + 0.3 * len(parts))
    axis.axvline(0, color=ink(), linewidth=1)
    for row, pair in enumerate(parts.values()):
        axis.plot(pair, [row, row], color=BCE, linewidth=1.5, zorder=1)
        for gap, mark in zip(pair, "s^", strict=True):
            axis.plot(gap, row, mark, color=directions()[int(gap < 0)], mec=ink(), ms=7)
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
