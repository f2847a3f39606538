"""Figures of missed shares, and of the bill over the number of labelled fields."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.curves import curves
from aslp_lib.evaluation.figures.style import GREY, ink, new_figure, themed


def missed_over_threshold(shares: np.ndarray, chosen: int, tempting: int) -> Figure:
    """Plot mean missed shares over the threshold, of 100 images that choose and of new ones.

    Args:
        shares: missed share of each image at each grey level; the first 100 images choose.
        chosen, tempting: grey levels of the threshold with and without the reserve.
    """
    f, new = np.maximum(np.arange(45) - 0.5, 0) / 255, 100 * shares[100:].mean(axis=0)
    reserved = (100 * shares[:100].sum(axis=0) + 100) / 101
    lines = {"1,000 new images": new[:45], "100 with the reserve": reserved[:45]}
    points = {name: (f[chosen], values[chosen]) for name, values in lines.items()}
    points["new images, tempting threshold"] = f[tempting], new[tempting]
    return curves(
        f, {"mean missed share, %": lines}, "threshold", "100 images choose, 1,000 new ones test",
        points=points, across={"promise: 5 %": 5}, digits=".2g", xlim=(0, None), ylim=(0, None),
    )  # fmt: skip


def paid_over_labels(labelled: np.ndarray, paid: Mapping[str, np.ndarray]) -> Figure:
    """Plot what 100 pixels cost over the number of fields that are labelled first."""
    lowest = {name: (labelled[bills.argmin()], bills.min()) for name, bills in paid.items()}
    return curves(
        labelled, {"paid for 100 pixels": paid}, "fields labelled first",
        "1,000 fields, at most 5 % missed", points=lowest, across={"check everything": 100},
        digits=".0f", xlim=(0, None), ylim=(40, 105),
    )  # fmt: skip


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
        axis.hist(100 * shares, np.arange(1.5, 7.75, 0.25), color=GREY)
        axis.axvline(100 * risk, color=ink(), linewidth=2)
        axis.plot(100 * shares.mean(), 8, "v", color=axis.get_facecolor(), ms=9)
        title = f"{label}: {100 * (shares > risk).mean():.0f} of 100 beyond {100 * risk:g} %"
        axis.set(ylabel="divisions", title=title)
        notes.append(f"{title}, mean {100 * shares.mean():.1f} %")
    axes[-1].set(xlabel="missed on new images, %")
    figure.set_label(
        f"Missed shares of {len(shares)} divisions. {'; '.join(notes)}. A line marks "
        f"{100 * risk:g} %, a triangle the mean."
    )
    return figure
