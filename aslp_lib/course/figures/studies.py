"""Figures of experiments on estimators: their bias, and the coverage of their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import BLUE, ORANGE, legend_below, looks


def estimator_bias(
    sizes: Sequence[int],
    estimates: Mapping[str, np.ndarray],
    truth: float,
    title: str,
    xlabel: str = "pixels in the sample",
) -> Figure:
    """Plot the mean of each estimator with its 10 to 90 % band over sample sizes.

    Args:
        sizes: values on the horizontal axis: sample sizes, or another quantity named by `xlabel`.
        estimates: name -> (sizes, repeats) estimates, as shares.
        truth: expected value of an unbiased estimator.
    """
    figure, (axis,) = new_panels(1, 6.2, 4.0, title)
    notes = []
    for (name, values), (colour, line, mark) in zip(estimates.items(), looks(), strict=False):
        mean = 100 * values.mean(axis=1)
        low, high = 100 * np.quantile(values, [0.1, 0.9], axis=1)
        axis.plot(sizes, mean, line, marker=mark, color=colour, label=name)
        axis.fill_between(sizes, low, high, color=colour, alpha=0.15)
        # Whole percents, because samples differ between versions of NumPy.
        notes.append(f"{name} goes from {mean[0]:.0f} % to {mean[-1]:.0f} %")
    axis.axhline(100 * truth, color="black", linestyle=":", label="truth")
    axis.set(xscale="log", xlabel=xlabel, ylabel="estimate, %")
    legend_below(figure, axis)
    figure.set_label(
        f"{title}: mean estimate over {xlabel}, {sizes[0]:,} to {sizes[-1]:,}. "
        f"{'; '.join(notes)}; the truth is {100 * truth:.1f} %."
    )
    return figure


def interval_coverage(truth: float, intervals: Mapping[str, np.ndarray], title: str) -> Figure:
    """Plot the intervals of many data sets, and highlight those that miss the true value.

    Args:
        intervals: resampled unit -> (data sets, 2) interval ends, as shares.
    """
    figure, axes = new_panels(len(intervals), 4.2, 4.4, title, sharex=True)
    notes = []
    for axis, (kind, ends) in zip(axes, intervals.items(), strict=True):
        low, high = 100 * ends.T
        covers = (low <= 100 * truth) & (100 * truth <= high)
        row = np.arange(len(ends))
        axis.hlines(row[covers], low[covers], high[covers], color=BLUE, linewidth=1)
        axis.hlines(row[~covers], low[~covers], high[~covers], color=ORANGE, linewidth=2.5)
        axis.axvline(100 * truth, color="black", linestyle="--", linewidth=1)
        # Some intervals end close to the true value, so that the exact share differs between
        # machines.
        tenth = min(10 * covers.sum() // len(covers), 9)
        share = f"{10 * tenth} to {10 * tenth + 10} %"
        axis.set(xlabel="score, %", yticks=[], title=f"{kind}: {share} hold it")
        notes.append(f"resampling {kind}, {share} of the intervals hold the truth")
    axes[0].set_ylabel("data sets")
    figure.set_label(f"{title}. {'; '.join(notes).capitalize()}; thick ones miss it.")
    return figure
