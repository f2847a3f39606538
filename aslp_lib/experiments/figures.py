"""Figures of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import looks, new_figure, plain

READABLE = 14
"""Number of labels that fit into the legend in a font that can be read from a projector."""


def in_and_under_shift(
    inside: Mapping[str, Sequence[float]],
    shifted: Mapping[str, Sequence[float]],
    names: tuple[str, str],
    title: str,
) -> Figure:
    """Draw the ECE in distribution against the ECE under distribution shift, a mark per method.

    A mark is the mean over seeds; its bars are the standard deviations over seeds.

    >>> figure = in_and_under_shift({"BCE": [0.02]}, {"BCE": [0.1]}, ("test", "SOD"), "1 seed")
    >>> figure.get_label().split("; ")[1]
    'the nearer to the lower left corner, the better. BCE: 2.0 % and 10.0 %.'

    Args:
        inside: label -> ECE of each seed, in [0, 1], on the set that resembles the training set.
        shifted: label -> ECE of each seed on the shifted set.
        names: names of the two sets.
        title: title of the figure.
    """
    figure = new_figure(8.6, 5.6, title)
    axis = figure.subplots()
    notes = []
    for (label, values), (colour, _, mark) in zip(inside.items(), looks(), strict=False):
        (x, dx), (y, dy) = (_spread(errors) for errors in (values, shifted[label]))
        axis.errorbar(
            x, y, dy, dx, fmt=mark, color=colour, markersize=7, markeredgecolor="black",
            markeredgewidth=0.6, elinewidth=1, label=plain(label, 30),
        )  # fmt: skip
        notes.append(f"{label}: {x:.1f} % and {y:.1f} %")
    axis.set(xlabel=f"ECE, {names[0]}, %", xlim=(0, None))
    axis.set(ylabel=f"ECE, {names[1]}, %", ylim=(0, None))
    figure.legend(fontsize=9 if len(inside) <= READABLE else 7, loc="outside right upper")
    figure.set_label(
        f"Calibration error on {names[0]} against that on {names[1]}, {title}; the nearer to the "
        f"lower left corner, the better. {'; '.join(notes)}."
    )
    return figure


def _spread(shares: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard deviation in percent. The deviation of a single seed is 0."""
    values = 100 * np.asarray(shares)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
