"""Figures of intervals, of scores in fields of view, and of verdicts."""

from collections.abc import Mapping

import numpy as np
import pandas
from matplotlib.figure import Figure

from aslp_lib.course.contrasts import MARGIN
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, legend_below, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

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
        axis.set_title(f"resampling {unit}:\n{covers.sum()} of {len(ends)} contain the truth")
        # Some intervals end close to the true value, so the exact number differs between machines.
        tenth = int(10 * covers.mean())
        share = f"at least {10 * tenth} %" if tenth > 4 else f"less than {10 * tenth + 10} %"
        notes.append(f"resampling {unit}, {share} of the intervals contain the truth")
    axes[0].set_ylabel("test sets")
    figure.set_label(f"{title}. {'; '.join(notes).capitalize()}; thick ones miss it.")
    return figure


@themed
def chance(means: Mapping[int, float], floor: float) -> Figure:
    """Plot the mean ECE of calibrated samples over their size, down to a noise floor.

    Args:
        means: number of independent pixels -> mean ECE, %.
        floor: noise floor of a test set, %.
    """
    figure, (axis,) = new_panels(1, 5.2, 3.2, "Mean ECE of a calibrated network")
    sizes, values = np.array([*means]), np.array([*means.values()])
    axis.loglog(sizes, values, "-o", color=ink(), label="independent pixels")
    worth = np.exp(np.interp(-np.log(floor), -np.log(values), np.log(sizes)))
    axis.axhline(floor, color=OF_METHODS["BCE"], linestyle="--", label="noise floor of our crops")
    axis.vlines(worth, values.min() / 1.5, floor, color=OF_METHODS["BCE"], linestyle="--")
    axis.set(xlabel="independent pixels", ylabel="mean ECE, %", ylim=(values.min() / 1.5, 3))
    axis.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axis.set_yticks([0.3, 0.5, 1, 2], ["0.3", "0.5", "1", "2"])
    axis.minorticks_off()
    legend_below(figure, axis)
    falls = ", ".join(f"{value:.1f} % of {n:,}" for n, value in means.items())
    figure.set_label(f"Mean ECE of independent pixels: {falls}; the noise floor is {floor:.1f} %.")
    return figure


@themed
def in_fields(networks: Mapping[str, Counts]) -> Figure:
    """Plot the ECE of BCE and ASLP in single fields of view, over their mean accuracy."""
    figure, (axis,) = new_panels(1, 5.2, 3.2, "ECE in each of ten fields of view")
    first = next(iter(networks.values()))
    fields = [first.group_index == k for k in range(first.independent)]
    of_both = [[calibration.accuracy(c[field]) for c in networks.values()] for field in fields]
    accuracy = 100 * np.mean(of_both, axis=1)
    notes = []
    for (label, counts), (colour, mark) in zip(networks.items(), LOOKS, strict=True):
        values = 100 * np.array([calibration.ece(counts[field]) for field in fields])
        axis.plot(accuracy, values, mark, color=colour, label=label, ms=8)
        notes.append(f"{label} {values[accuracy.argmin()]:.1g} → {values[accuracy.argmax()]:.1g}")
    axis.set(xlabel="accuracy in the field, mean of both, %", ylabel="ECE, %", ylim=(0, None))
    legend_below(figure, axis)
    figure.set_label(f"ECE, %, from the hardest to the easiest field: {', '.join(notes)}.")
    return figure


@themed
def plans(
    runs: tuple[pandas.DataFrame, pandas.DataFrame], shipped: Mapping[str, tuple[float, float]]
) -> Figure:
    """Plot paid over expected bills of 100 pixels, and the line on which the plan holds.

    Args:
        runs: expected and paid bills of further runs, seeds x networks.
        shipped: network -> expected and paid bill of the run that the laboratory has.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.6, "Bills of 100 pixels: the plan, and what it costs")
    axis.axline((50, 50), slope=1, color=ink(), linestyle="--", linewidth=1, label="plan holds")
    notes = []
    for label, bill in shipped.items():
        colour, mark = LOOKS[label.startswith("ASLP")]
        face = "none" if "scaled" in label else colour
        mark = "*" if "undone" in label else mark
        both = zip(bill, runs, strict=True)
        expected, paid = (np.append(first, further.get(label, [])) for first, further in both)
        size = 13 if "undone" in label else 8
        axis.plot(expected, paid, mark, color=colour, mfc=face, mew=1.5, ms=size, label=label)
        notes.append(f"{label} {expected.mean():.0f}, {paid.mean():.0f}")
    axis.set(xlabel="expected bill", ylabel="paid bill", xlim=(27, 93), ylim=(43, 64))
    axis.set_yticks([45, 50, 55, 60])
    legend_below(figure, axis)
    figure.set_label(f"Expected and paid bill, means of the runs: {'; '.join(notes)}.")
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
