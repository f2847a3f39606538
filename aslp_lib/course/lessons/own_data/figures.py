"""Figures of missed shares: over the threshold, and over many divisions of the same images."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, ink, legend_below, themed


@themed
def missed_over_threshold(
    choosing: np.ndarray, new: np.ndarray, chosen: int, risk: float = 0.05, highest: int = 40
) -> Figure:
    """Plot the mean missed share over the threshold, with and without a place for the next image.

    Args:
        choosing, new: missed shares of images that choose and of new ones, (images, thresholds).
        chosen: the chosen threshold.
        risk: the promised share.
        highest: last threshold that is shown.
    """
    figure, (axis,) = new_panels(1, 6.4, 3.2)
    levels, number = np.arange(highest + 1), len(choosing)
    means = 100 * choosing.mean(axis=0)
    lines = {
        f"{number} images that choose": (means, {"color": GREY, "linewidth": 2}),
        "with a place for the next": (
            (number * means + 100) / (number + 1),
            {"color": ink(), "linewidth": 2.5},
        ),
        f"{len(new)} new images": (
            100 * new.mean(axis=0),
            {"color": ink(), "linewidth": 2, "linestyle": ":"},
        ),
    }
    for label, (values, look) in lines.items():
        axis.plot(levels, values[: highest + 1], label=label, **look)
    axis.axhline(100 * risk, color=ink(), linewidth=1, linestyle="--")
    axis.axvline(chosen, color=ink(), linewidth=1)
    axis.set(xlabel="lowest grey level that is checked", ylabel="missed share, %")
    axis.set(xlim=(0, highest), ylim=(0, None))
    legend_below(figure, axis)
    at_chosen = (f"{label} {values[chosen]:.1f} %" for label, (values, _) in lines.items())
    figure.set_label(
        f"Mean missed share over the threshold. At the chosen one, {chosen}: "
        f"{', '.join(at_chosen)}. A dashed line marks {100 * risk:g} %."
    )
    return figure


@themed
def divisions(missed: Mapping[str, np.ndarray], risk: float = 0.05) -> Figure:
    """Plot histograms of the share that is missed on new images, one panel per kind of division.

    Args:
        missed: how the images are divided -> the mean missed share of each division.
        risk: the promised share.
    """
    figure, axes = new_panels(len(missed), 4.2, 3.0, sharex=True, sharey=True)
    bins = np.arange(0, 100 * max(map(np.max, missed.values())) + 0.25, 0.25)
    notes = []
    for axis, (label, shares) in zip(axes, missed.items(), strict=True):
        axis.hist(100 * shares, bins, color=GREY)
        axis.axvline(100 * risk, color=ink(), linewidth=2)
        axis.axvline(100 * shares.mean(), color=ink(), linestyle=":", linewidth=2)
        axis.set(xlabel="missed on new images, %", xlim=(0, None), title=label)
        notes.append(
            f"{label}: mean {100 * shares.mean():.0f} %, standard deviation "
            f"{100 * shares.std():.1f} points"
        )
    axes[0].set_ylabel("divisions")
    figure.set_label(
        f"Missed shares of {len(shares)} divisions. {'; '.join(notes)}. A line marks "
        f"{100 * risk:g} %, a dotted line the mean."
    )
    return figure
