"""A study's methods in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import looks, new_figure, plain

READABLE = 14
"""So many labels have room beside the picture in letters that a projector shows."""


def in_and_under_shift(
    inside: Mapping[str, Sequence[float]],
    shifted: Mapping[str, Sequence[float]],
    names: tuple[str, str],
    title: str,
) -> Figure:
    """Calibration error in distribution against under shift: a mark a method, seeds as bars.

    Args:
        inside: label -> ECE of each seed, a share, on the set that resembles training.
        shifted: the same on another set.
        names: of the two sets.
    """
    figure = new_figure(8.6, 5.6, title)
    axis = figure.subplots()
    notes = []
    for (label, values), (colour, _, mark) in zip(inside.items(), looks(), strict=False):
        (x, dx), (y, dy) = (_spread(each) for each in (values, shifted[label]))
        axis.errorbar(
            x, y, dy, dx, fmt=mark, color=colour, markersize=7, markeredgecolor="black",
            markeredgewidth=0.6, elinewidth=1, label=plain(label, 30),
        )  # fmt: skip
        notes.append(f"{label}: {x:.1f} % and {y:.1f} %")
    axis.set(xlabel=f"ECE, {names[0]}, %", ylabel=f"ECE, {names[1]}, %")
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    size = 9 if len(inside) <= READABLE else 7
    figure.legend(fontsize=size, loc="outside right upper")
    figure.set_label(
        f"Calibration error on {names[0]} against that on {names[1]}, {title}; the nearer to the "
        f"lower left corner, the better. {'; '.join(notes)}."
    )
    return figure


def _spread(shares: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation, in percent; 0 of a single seed."""
    values = 100 * np.asarray(shares)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
