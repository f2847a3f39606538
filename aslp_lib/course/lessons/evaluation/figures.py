"""Figures of the coverage of intervals, and of scores in fields of view."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, METHOD_COLOURS, ink, legend_below, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import ScoreFunction

LOOKS = (METHOD_COLOURS[0], "o"), (METHOD_COLOURS[2], "^")
"""Colours and marks of BCE and ASLP."""


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
        axis.hlines(row[~covers], low[~covers], high[~covers], color=ink(), linewidth=2.5)
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


@themed
def in_fields(networks: Mapping[str, Counts], scores: Mapping[str, ScoreFunction]) -> Figure:
    """Plot scores of two networks in single fields of view, over the accuracy of the first.

    Args:
        networks: label -> counts of the same images: BCE, then ASLP.
        scores: label -> score function of a share.
    """
    figure, axes = new_panels(len(scores), 4.2, 3.4, "Scores in single fields", sharey=True)
    first = next(iter(networks.values()))
    fields = [np.flatnonzero(first.group_index == k) for k in range(first.independent)]
    fields.sort(key=lambda field: calibration.accuracy(first[field]))
    accuracy = [100 * calibration.accuracy(first[field]) for field in fields]
    notes = []
    for axis, (score, function) in zip(axes, scores.items(), strict=True):
        for (label, counts), (colour, mark) in zip(networks.items(), LOOKS, strict=True):
            values = [100 * function(counts[field]) for field in fields]
            axis.plot(accuracy, values, color=colour, marker=mark, label=label)
            notes.append(f"{score} of {label} {values[0]:.0f} → {values[-1]:.0f} %")
        axis.set(xlabel=f"accuracy of {next(iter(networks))} in the field, %", title=score)
    axes[0].set(ylabel="score in the field, %", ylim=(0, None))
    legend_below(figure, axes[0])
    figure.set_label(
        f"Scores in single fields, from the hardest to the easiest: {', '.join(notes)}."
    )
    return figure
