"""Figures of missed shares: over the threshold, and over many divisions of the same images."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, PINK, ink, new_figure, themed


@themed
def missed_over_threshold(
    curves: Mapping[str, np.ndarray], chosen: int, risk: float = 0.05
) -> Figure:
    """Plot mean missed shares over the threshold.

    Args:
        curves: label -> mean missed share of new images at each grey level, then that of the
            images that choose.
        chosen: grey level of the threshold, where the curves have a dot.
        risk: the promised share.
    """
    figure, (axis,) = new_panels(1, 6.2, 3.4)
    for (label, means), colour in zip(curves.items(), (PINK, ink()), strict=True):
        shown = 100 * means[:41]  # up to about 0.16
        axis.plot(np.arange(len(shown)) / 255, shown, color=colour, linewidth=2.5)
        axis.text((len(shown) - 1) / 255, shown[-1], f" {label}", va="center")
        axis.plot(chosen / 255, shown[chosen], "o", color=colour)
    axis.axhline(100 * risk, color=ink(), linewidth=1)
    axis.text(0.001, 100 * risk, f"promise: {100 * risk:g} %", va="bottom")
    axis.set(xlabel="lowest $f$ that is checked", ylabel="mean missed share, %")
    axis.set(xlim=(0, (len(shown) - 1) / 255), ylim=(0, None))
    notes = (f"{label}, {100 * means[chosen]:.1f} %" for label, means in curves.items())
    figure.set_label(
        f"Mean missed share over the threshold. At the chosen one, {chosen / 255:.2f}: "
        f"{'; '.join(notes)}. A line marks {100 * risk:g} %."
    )
    return figure


@themed
def divisions(missed: Mapping[str, np.ndarray], risk: float = 0.05) -> Figure:
    """Plot histograms of the share that is missed on new images, one panel per kind of division.

    Args:
        missed: how the images are divided -> the mean missed share of each division.
        risk: the promised share.
    """
    figure = new_figure(6.6, 4.6)
    axes = figure.subplots(len(missed), squeeze=False, sharex=True, sharey=True)[:, 0]
    notes = []
    for axis, (label, shares) in zip(axes, missed.items(), strict=True):
        percent, beyond = 100 * shares, shares > risk
        parts, bins = [percent[~beyond], percent[beyond]], np.arange(1.5, 7.75, 0.25)
        axis.hist(parts, bins, color=[GREY, PINK], stacked=True)
        axis.axvline(100 * risk, color=ink(), linewidth=2)
        axis.axvline(percent.mean(), color=ink(), linestyle=":", linewidth=2)
        title = f"{label}: {100 * beyond.mean():.0f} of 100 beyond {100 * risk:g} %"
        axis.set(ylabel="divisions", title=title)
        notes.append(f"{title}, mean {percent.mean():.1f} %")
    axes[-1].set(xlabel="missed on new images, %", xlim=(1.5, 7.5))
    figure.set_label(
        f"Missed shares of {len(shares)} divisions. {'; '.join(notes)}. A line marks "
        f"{100 * risk:g} %, a dotted line the mean."
    )
    return figure
