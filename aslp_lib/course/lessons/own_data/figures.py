"""Figures of the reserve, of missed shares over many draws, and of the checks by labelled units."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.course.figures.curves import label_ends
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, ink, new_figure, themed

END = 0.25
"""Largest threshold that `reserves` draws."""
MARKED = (19, 50, 100)
"""Numbers of fields whose prices `checked_over_units` writes."""


@themed
def reserves(
    thresholds: np.ndarray, missed: Mapping[int, np.ndarray], risk: float = 0.05
) -> Figure:
    """Plot what images miss over the threshold, without and with the reserve for the next image.

    Args:
        thresholds: the thresholds, from 0.
        missed: number of images -> their mean missed share at each threshold, one panel each.
        risk: the promised share.
    """
    title = "The fewer images, the larger the reserve"
    figure, axes = new_panels(len(missed), 3.9, 3.3, title, sharey=True)
    notes = []
    for axis, (images, shares) in zip(axes, missed.items(), strict=True):
        reserved = (images * shares + 1) / (images + 1)
        axis.axhline(100 * risk, color=ink(), linestyle=":", linewidth=1)
        for values, colour in ((shares, GREY), (reserved, ink())):
            axis.plot(thresholds, 100 * values, color=colour)
            k = np.flatnonzero(values <= risk).max()
            axis.plot(thresholds[k], 100 * risk, "o", color=colour, ms=8, zorder=5)
        half = np.searchsorted(thresholds, END / 2)
        axis.annotate(
            f"with a reserve\nof 1/{images + 1}", (END / 2, 100 * reserved[half]),
            (-6, 6), textcoords="offset points", ha="right",
        )  # fmt: skip
        axis.annotate(
            f"the {images} alone", (END / 2, 100 * shares[half]), (6, -6),
            textcoords="offset points", ha="left", va="top", color=GREY,
        )  # fmt: skip
        axis.set(xlabel="threshold", xlim=(0, END), ylim=(0, 16), title=f"{images} images choose")
        notes.append(f"{images} images choose {thresholds[k]:.2f}")
    axes[0].set(ylabel="missed, %")
    axes[0].text(0.99 * END, 100 * risk + 0.2, "promise", ha="right")
    figure.set_label(f"{title}. With the reserve, {', '.join(notes)}.")
    return figure


@themed
def draws(missed: np.ndarray, ours: float, risk: float = 0.05) -> Figure:
    """Plot a histogram of what new images miss, over draws of the images that choose.

    Args:
        missed: mean missed share of the new images of each draw.
        ours: the same share of the draw that we had, which is marked.
        risk: the promised share.
    """
    title = "On average, the promise is kept"
    figure, (axis,) = new_panels(1, 6.2, 2.8, title)
    beyond = f"{100 * (missed > risk).mean():.0f} of 100 draws"
    mean = _histogram(axis, missed, "100 images choose", f"{beyond}\nmiss more", risk)
    axis.annotate(
        "our draw", (100 * ours, 0), (100 * ours, 0.45), ha="center",
        xycoords=("data", "axes fraction"),
        arrowprops={"arrowstyle": "->", "color": ink(), "linewidth": 1},
    )  # fmt: skip
    axis.set(xlabel="missed by the new images, %")
    figure.set_label(
        f"{title}: over {len(missed)} draws, new images miss {mean:.1f} %; in {beyond}, they miss "
        f"more than {100 * risk:g} %. Ours: {100 * ours:.1f} %."
    )
    return figure


@themed
def crops_or_fields(missed: Mapping[str, np.ndarray], risk: float = 0.05) -> Figure:
    """Plot histograms of what the others miss, one below the other, to compare their widths.

    Args:
        missed: who chooses -> mean missed share of the others in each draw.
        risk: the promised share.
    """
    title = "Whole fields spread further"
    figure = new_figure(6.6, 4.1, title)
    axes = figure.subplots(len(missed), 1, sharex=True, sharey=True)
    notes = []
    for axis, (who, shares) in zip(axes, missed.items(), strict=True):
        spread = f"standard deviation\n{100 * shares.std():.1f} points"
        mean = _histogram(axis, shares, who, spread, risk)
        notes.append(f"{who}: mean {mean:.1f} %, {spread}".replace("\n", " "))
    axes[-1].set(xlabel="missed by the others, %")
    figure.set_label(f"{title}. {'; '.join(notes)}.")
    return figure


def _histogram(axis: Axes, missed: np.ndarray, who: str, said: str, risk: float) -> float:
    """Draw missed shares, darker beyond the promise, with two notes, and return their mean in %."""
    counts, edges = np.histogram(100 * missed, np.arange(0.25, 10.5, 0.25))
    for count, edge in zip(counts, edges, strict=False):
        opaque = 1 if edge >= 100 * risk else 0.4
        axis.bar(edge, count, 0.25, align="edge", color=GREY, alpha=opaque)
    axis.axvline(100 * risk, color=ink(), linewidth=1.5)
    mean = 100 * float(missed.mean())
    axis.plot(mean, 0, "^", color=ink(), ms=9, clip_on=False, zorder=5)
    for x, text, side in ((0.02, f"{who}\nmean {mean:.1f} %", "left"), (0.98, said, "right")):
        axis.text(x, 0.95, text, ha=side, va="top", transform=axis.transAxes)
    axis.annotate(
        "promise", (100 * risk, 1), (4, 0), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top",
    )  # fmt: skip
    axis.set(xlim=(0, 10), yticks=[])
    axis.spines["left"].set_visible(False)
    return mean


@themed
def checked_over_units(prices: Mapping[float, np.ndarray]) -> Figure:
    """Plot how many of 100 pixels a promise checks, over the number of fields that choose.

    Args:
        prices: promised share -> share of the pixels that 0, 1, 2, ... fields check, for two
            promises. The prices of the first are marked.
    """
    title = "With more fields, the promise becomes affordable (extrapolated from 16)"
    figure, (axis,) = new_panels(1, 7, 3.3, title)
    notes, lines = [], []
    for (risk, checked), colour in zip(prices.items(), (ink(), GREY), strict=True):
        label = f"at most {100 * risk:g} % missed"
        lines += axis.plot(100 * checked, color=colour, label=label)
        notes += [f"{label}, {number} fields: {100 * checked[number]:.0f}" for number in MARKED]
    marked, *_ = prices.values()
    for number in MARKED:
        point = number, 100 * marked[number]
        axis.plot(*point, "o", color=ink(), ms=7, clip_on=False, zorder=5)
        text = f"{number} fields: {point[1]:.0f}"
        axis.annotate(text, point, (8, 8), textcoords="offset points", va="center")
    axis.set(xlabel="fields that choose", ylabel="checked, of 100 pixels")
    axis.set(xlim=(0, len(marked) - 1), ylim=(0, 105))
    label_ends(axis, lines)
    figure.set_label(f"{title}. Checked, of 100 pixels: {'; '.join(notes)}.")
    return figure
