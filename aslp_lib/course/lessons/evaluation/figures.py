"""Figures of intervals, of scores in fields of view, and of verdicts."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.contrasts import MARGIN
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, legend_below, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import ScoreFunction

LOOKS = (OF_METHODS["BCE"], "o"), (OF_METHODS["ASLP"], "^")
"""Colours and marks of BCE and ASLP."""
QUANTILES = (2.09, 1.73)
"""Student's quantiles of 95 % and 90 % intervals from 20 runs."""


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
        axis.axvline(100 * truth, color=ink(), linestyle="--", linewidth=1)
        axis.hlines(row[covers], low[covers], high[covers], color=GREY, linewidth=1.2)
        axis.hlines(row[~covers], low[~covers], high[~covers], color=ink(), linewidth=2.8)
        axis.set(xlabel="ECE, %", yticks=[])
        # Some intervals end close to the true value, so the exact number differs between machines.
        tenth = int(10 * covers.mean())
        share = f"at least {10 * tenth} %" if tenth > 4 else f"less than {10 * tenth + 10} %"
        axis.set_title(f"resampling {unit}:\n{share} contain the truth")
        notes.append(f"resampling {unit}, {share} of the intervals contain the truth")
    axes[0].set_ylabel("test sets")
    figure.set_label(f"{title}. {'; '.join(notes).capitalize()}; thick ones miss it.")
    return figure


@themed
def in_fields(networks: Mapping[str, Counts], name: str, score: ScoreFunction) -> Figure:
    """Plot a score of two networks in single fields of view, over the accuracy of the first.

    Args:
        networks: label -> counts of the same images: BCE, then ASLP.
        name: name of the score, with its unit.
        score: score function.
    """
    figure, (axis,) = new_panels(1, 5.2, 3.2)
    first = next(iter(networks.values()))
    fields = [np.flatnonzero(first.group_index == k) for k in range(first.independent)]
    fields.sort(key=lambda field: calibration.accuracy(first[field]))
    accuracy = [100 * calibration.accuracy(first[field]) for field in fields]
    notes = []
    for (label, counts), (colour, mark) in zip(networks.items(), LOOKS, strict=True):
        values = [score(counts[field]) for field in fields]
        axis.plot(accuracy, values, mark, color=colour, label=label, ms=8)
        notes.append(f"{label} {values[0]:.1g} → {values[-1]:.1g}")
    axis.set(xlabel=f"accuracy of {next(iter(networks))} in the field, %", ylim=(0, None))
    axis.set_ylabel(name)
    legend_below(figure, axis)
    figure.set_label(
        f"{name} in single fields, from the hardest to the easiest: {', '.join(notes)}."
    )
    return figure


@themed
def verdicts(differences: Mapping[str, tuple[float, float]], words: Mapping[str, str]) -> Figure:
    """Draw differences in NLL with 95 % and 90 % intervals, the band of the margin, and verdicts.

    Args:
        differences: label -> mean and standard error over 20 runs, in nats.
        words: label -> its verdict.
    """
    figure, (axis,) = new_panels(1, 6.2, 2.6)
    axis.axvspan(-MARGIN, MARGIN, color=GREY, alpha=0.25, linewidth=0, label="margin")
    axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
    notes = []
    for row, (label, (mean, error)) in enumerate(differences.items()):
        ends = [mean + np.array([-1, 1]) * quantile * error for quantile in QUANTILES]
        for (low, high), width, level in zip(ends, (1.5, 5), (95, 90), strict=True):
            name = f"{level} % interval" if not row else None
            axis.hlines(row, low, high, color=ink(), linewidth=width, label=name)
        axis.annotate(
            words[label], (1, row), (6, 0), va="center",
            xycoords=("axes fraction", "data"), textcoords="offset points",
        )  # fmt: skip
        notes.append(f"{label} {ends[0][0]:+.3f} to {ends[0][1]:+.3f}: {words[label]}")
    xlabel = "difference in NLL from a baseline, nats\n← better than the baseline | worse →"
    axis.set(yticks=range(len(differences)), yticklabels=differences)
    axis.set(ylim=(len(differences) - 0.5, -0.5), xlabel=xlabel)
    legend_below(figure, axis)
    figure.set_label(f"95 % intervals and a band of ±{MARGIN:g} nats. {'; '.join(notes)}.")
    return figure
