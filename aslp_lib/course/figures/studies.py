"""Experiments on estimators: their bias over sample sizes and bins, the coverage of intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import BLUE, ORANGE, legend_below, looks, new_figure


def estimator_bias(
    sizes: Sequence[int],
    found: Mapping[str, np.ndarray],
    truth: float,
    title: str,
    xlabel: str = "pixels in the sample",
) -> Figure:
    """Mean of each estimator over sample sizes (or over anything else), with its 10 to 90 % band.

    Args:
        sizes: what the first axis of the results goes over.
        found: name -> (sizes, repeats), shares.
        truth: what an unbiased estimator would say on average.
    """
    figure = new_figure(6.6, 4.0, title)
    axis = figure.subplots()
    notes = []
    for (name, values), (colour, line, mark) in zip(found.items(), looks(), strict=False):
        mean = 100 * values.mean(axis=1)
        low, high = 100 * np.quantile(values, [0.1, 0.9], axis=1)
        axis.plot(sizes, mean, line, marker=mark, color=colour, label=name)
        axis.fill_between(sizes, low, high, color=colour, alpha=0.15)
        # Whole percents: NumPy's versions draw other samples.
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
    """Intervals of many data sets, one below the other; those that miss the truth stand out.

    Args:
        intervals: what was resampled -> (data sets, 2), shares.
    """
    figure = new_figure(4.2 * len(intervals), 4.4, title)
    axes = figure.subplots(1, len(intervals), sharex=True, squeeze=False)[0]
    notes = []
    for axis, (kind, ends) in zip(axes, intervals.items(), strict=True):
        low, high = 100 * ends.T
        hit = (low <= 100 * truth) & (100 * truth <= high)
        row = np.arange(len(ends))
        axis.hlines(row[hit], low[hit], high[hit], color=BLUE, linewidth=1)
        axis.hlines(row[~hit], low[~hit], high[~hit], color=ORANGE, linewidth=2.5)
        axis.axvline(100 * truth, color="black", linestyle="--", linewidth=1)
        share = _tenths(hit)
        axis.set(xlabel="score, %", yticks=[], title=f"{kind}: {share} hold it")
        notes.append(f"resampling {kind}, {share} of the intervals hold the truth")
    axes[0].set_ylabel("data sets")
    figure.set_label(f"{title}. {'; '.join(notes).capitalize()}; thick ones miss it.")
    return figure


def _tenths(hit: np.ndarray) -> str:
    """A share between two tenths: single intervals end just beside the truth."""
    low = min(10 * hit.sum() // len(hit), 9)
    return f"{10 * low} to {10 * low + 10} %"
