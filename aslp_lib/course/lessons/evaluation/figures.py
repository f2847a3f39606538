"""Figure of the coverage of intervals."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, METHOD_COLOURS, ink, themed

PURPLE = METHOD_COLOURS[2]
"""Colour of intervals that miss the true value. Orange would stand for overconfidence."""


@themed
def interval_coverage(truth: float, intervals: Mapping[str, np.ndarray], title: str) -> Figure:
    """Plot the intervals of many data sets, and highlight those that miss the true value.

    Args:
        intervals: resampled unit -> (data sets, 2) interval ends, as shares.
    """
    figure, axes = new_panels(len(intervals), 3.6, 3.8, title, sharex=True)
    notes = []
    for axis, (unit, ends) in zip(axes, intervals.items(), strict=True):
        low, high = 100 * ends.T
        covers = (low <= 100 * truth) & (100 * truth <= high)
        row = np.arange(len(ends))
        axis.hlines(row[covers], low[covers], high[covers], color=GREY, linewidth=1)
        axis.hlines(row[~covers], low[~covers], high[~covers], color=PURPLE, linewidth=2.5)
        axis.axvline(100 * truth, color=ink(), linestyle="--", linewidth=1)
        axis.set(xlabel="ECE, %", yticks=[])
        axis.set_title(f"resampling {unit}:\n{covers.sum()} of {len(covers)} contain the truth")
        # Some intervals end close to the true value, so the exact number differs between machines.
        tenth = min(10 * covers.sum() // len(covers), 9)
        share = f"{10 * tenth} to {10 * tenth + 10} %"
        notes.append(f"resampling {unit}, {share} of the intervals contain the truth")
    axes[0].set_ylabel("test sets")
    figure.set_label(f"{title}. {'; '.join(notes).capitalize()}; thick ones miss it.")
    return figure
