"""Figures of temperature scaling and early stopping: what they change, and what they leave."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.bill.decision import Bill
from aslp_lib.evaluation.figures.style import GREY, directions, ink, legend_below, themed

Array = NDArray[np.float64]


def over_epochs(log: Sequence[Mapping[str, float]], first: int, marked: int) -> Figure:
    """Draw loss, confidence and accuracy of a training log from an epoch on, and mark another."""
    late = {key: np.array([row[key] for row in log[first - 1 :]]) for key in log[0]}
    shares = {key: 100 * late[key] for key in ("confidence", "accuracy")}
    panels = {"training loss, nats": {"training loss": late["loss"]}, "validation, %": shares}
    title = f"BCE on nuclei, from epoch {first} on"
    return curves(late["epoch"], panels, "epoch", title, upright={f"epoch {marked}": marked})


def temperatures(
    values: Array, nll: Mapping[str, Sequence[float]], lowest: Mapping[str, tuple[float, float]]
) -> Figure:
    """Draw the NLL of sets over temperatures, with the lowest of each: set -> temperature, NLL."""
    return curves(
        values, {"NLL, nats per pixel": nll}, "temperature T", "NLL of one network on three sets",
        points=lowest, upright={"as trained": 1}, digits=".2g",
        xscale="log", xticks=(0.25, 0.5, 1, 2, 4, 8, 16),
        yscale="log", yticks=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
    )  # fmt: skip


def paid_over_checks(
    checks: Array, paid: Array, perfect: float, bills: Mapping[str, Bill]
) -> Figure:
    """Draw what is paid for 100 pixels if pixels are checked in the order of f, and two bills.

    Args:
        checks, paid: checked pixels and costs, per pixel, of each threshold.
        perfect: share of foreground, what a perfect order would cost.
    """
    return curves(
        100 * checks, {"paid for 100 pixels": {"any number of checks": 100 * paid}},
        "pixels checked, %", "A miss costs 10", digits=".0f",
        points={label: (100 * b.checked, 100 * b.paid) for label, b in bills.items()},
        across={"least for this order": 100 * paid.min(), "for a perfect order": 100 * perfect},
        xlim=(0, 102), ylim=(0, 110),
    )  # fmt: skip


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
        axis.plot(pair, [row, row], color=GREY, linewidth=1.5, zorder=1)
        for gap, mark in zip(pair, "os", strict=True):
            colour = directions()[0 if gap > 0 else 1]
            axis.plot(gap, row, mark, color=colour, markeredgecolor=ink(), ms=7)
    for mark, label in (("o", "as trained"), ("s", "scaled")):
        axis.plot([], [], mark, color="none", markeredgecolor=ink(), ms=7, label=label)
    xlabel = "underconfident  ←  confidence minus accuracy, points  →  overconfident"
    axis.set(title=title, xlabel=xlabel, yticks=range(len(parts)), yticklabels=parts)
    axis.invert_yaxis()
    legend_below(figure, axis)
    notes = [f"{label} {before:+z.0f} → {after:+z.0f}" for label, (before, after) in parts.items()]
    figure.set_label(
        f"{title}: confidence minus accuracy in points, before → after. {'; '.join(notes)}."
    )
    return figure
