"""Figures of missed shares by draw and by field, and of the bill over the labelled fields."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.curves import curves
from aslp_lib.evaluation.figures.style import GREY, ink, new_figure, themed


def paid_over_labels(labelled: np.ndarray, paid: Mapping[str, np.ndarray]) -> Figure:
    """Plot what 100 pixels cost over the number of fields that are labelled first."""
    lowest = {name: (labelled[bills.argmin()], bills.min()) for name, bills in paid.items()}
    return curves(
        labelled, {"paid for 100 pixels": paid}, "fields labelled first",
        "1,000 fields, at most 5 % missed", points=lowest, across={"check everything": 100},
        digits=".0f", xlim=(0, None), ylim=(40, 105),
    )  # fmt: skip


@themed
def draws(missed: np.ndarray, ours: float, risk: float = 0.05) -> Figure:
    """Plot a histogram of what new images miss, over draws of the images that choose.

    Args:
        missed: mean missed share of the new images of each draw.
        ours: the same of the draw that we had, which is marked.
        risk: the promised share.
    """
    figure = new_figure(6.2, 2.9)
    axis = figure.subplots()
    axis.hist(100 * missed, [*np.arange(0.25, 10.5, 0.25)], color=GREY)
    for share, line, label in ((risk, "-", "promise"), (ours, ":", "our 100")):
        axis.axvline(100 * share, color=ink(), linestyle=line, label=label)
    axis.plot(100 * missed.mean(), 6, "v", color=axis.get_facecolor(), mec=ink(), ms=10)
    axis.set(xlabel="missed on new images, %", ylabel="draws", xlim=(0, 10))
    axis.legend()
    figure.set_label(
        f"Missed shares of {len(missed)} draws, mean {100 * missed.mean():.1f} % (triangle): "
        f"{100 * (missed > risk).mean():.0f} of 100 are beyond {100 * risk:g} %. Ours: "
        f"{100 * ours:.1f} %."
    )
    return figure


@themed
def by_field(shares: np.ndarray, field: np.ndarray, risk: float = 0.05) -> Figure:
    """Plot the missed share of each crop, one column per field, in the order of the fields' means.

    Args:
        shares: missed share of each crop.
        field: number of the field of each crop.
        risk: the promised share.
    """
    means = np.bincount(field, shares) / np.bincount(field)
    place = np.argsort(np.argsort(means))
    figure = new_figure(6.2, 2.9)
    axis = figure.subplots()
    axis.plot(place[field], 100 * shares, "o", color=GREY, ms=4)
    axis.plot(place, 100 * means, "_", color=ink(), ms=14, mew=2.5)
    axis.axhline(100 * risk, color=ink(), linestyle=":")
    axis.set(xlabel="field", ylabel="missed, %", xticks=[])
    figure.set_label(
        f"Missed shares of {len(shares)} crops by field. Means of the fields: from "
        f"{100 * means.min():.0f} to {100 * means.max():.0f} %. A dotted line marks "
        f"{100 * risk:g} %."
    )
    return figure
