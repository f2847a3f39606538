"""Figures of missed shares: over the threshold, and over many divisions of the same images."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, OTHERS, PINK, ink, legend_below, themed


@themed
def missed_over_threshold(
    choosing: np.ndarray, new: np.ndarray, chosen: int, tempting: int, risk: float = 0.05
) -> Figure:
    """Plot the mean missed share over the threshold, with and without a place for the next image.

    Args:
        choosing, new: missed shares of images that choose and of new ones, (images, thresholds).
        chosen: the threshold with a place for the next image.
        tempting: the threshold without.
        risk: the promised share.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.8)
    number, means = len(choosing), 100 * choosing.mean(axis=0)
    highest = min(40, len(means) - 1)
    lines = {
        f"{number} images that choose": (means, ink(), 1.2),
        "with a place for the next": ((number * means + 100) / (number + 1), ink(), 3.0),
        f"{len(new)} new images": (100 * new.mean(axis=0), OTHERS[1], 2.0),
    }
    for label, (values, colour, width) in lines.items():
        shown = values[: highest + 1]
        axis.plot(np.arange(highest + 1), shown, label=label, color=colour, linewidth=width)
    axis.axhline(100 * risk, color=ink(), linewidth=1)
    axis.text(0.5, 100 * risk, f"promise: {100 * risk:g} %", va="bottom")
    axis.text(0.5, 100 / (number + 1), f"the place: 1/{number + 1}", va="bottom")
    top = axis.get_ylim()[1]
    for level, side, name in ((chosen, "right", "with a place"), (tempting, "left", "tempting")):
        axis.axvline(level, color=ink(), linewidth=1)
        axis.text(level, 0.97 * top, f" {level}: {name} ", ha=side, va="top")
    axis.set(xlabel="lowest grey level that is checked", ylabel="missed share, %")
    axis.set(xlim=(0, highest), ylim=(0, top))
    scale = axis.secondary_xaxis("top", functions=(lambda k: k / 255, lambda f: 255 * f))
    scale.set_xlabel("$f$")
    legend_below(figure, axis)
    at_chosen = (f"{label} {values[chosen]:.1f} %" for label, (values, *_) in lines.items())
    figure.set_label(
        f"Mean missed share over the threshold. At the chosen one, {chosen}: "
        f"{', '.join(at_chosen)}. The tempting threshold is {tempting}. A line "
        f"marks {100 * risk:g} %."
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
        beyond = shares > risk
        axis.hist(
            [100 * shares[~beyond], 100 * shares[beyond]], bins, color=[GREY, PINK], stacked=True
        )
        axis.axvline(100 * risk, color=ink(), linewidth=2)
        axis.axvline(100 * shares.mean(), color=ink(), linestyle=":", linewidth=2)
        axis.set(xlabel="missed on new images, %", xlim=(0, None))
        axis.set_title(
            f"{label}: {100 * beyond.mean():.0f} of 100 beyond {100 * risk:g} %", fontsize=10
        )
        notes.append(
            f"{label}: {100 * beyond.mean():.0f} of 100 beyond it, mean "
            f"{100 * shares.mean():.0f} %, standard deviation {100 * shares.std():.1f} points"
        )
    axes[0].set_ylabel("divisions")
    figure.set_label(
        f"Missed shares of {len(shares)} divisions. {'; '.join(notes)}. A line marks "
        f"{100 * risk:g} %, a dotted line the mean."
    )
    return figure
