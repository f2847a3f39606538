"""Figures of estimators: bias, coverage of intervals, scores by field, and power of a trial."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, ORANGE, ink, legend_below, looks, themed


@themed
def estimator_bias(sizes: Sequence[int], estimates: Mapping[str, np.ndarray], title: str) -> Figure:
    """Plot the mean and the 10 to 90 % band of estimators of an error of 0 over sample sizes.

    Args:
        sizes: number of pixels in a sample.
        estimates: name -> (sizes, repeats) estimates, as shares.
    """
    figure, (axis,) = new_panels(1, 6.2, 3.6, title)
    notes = []
    for (name, values), (colour, line, mark) in zip(estimates.items(), looks(), strict=False):
        mean = 100 * values.mean(axis=1)
        low, high = 100 * np.quantile(values, [0.1, 0.9], axis=1)
        axis.plot(sizes, mean, line, marker=mark, color=colour, label=name)
        axis.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
        # Whole percents, because samples differ between versions of NumPy.
        notes.append(f"{name} goes from {mean[0]:.0f} % to {mean[-1]:.0f} %")
    axis.axhline(0, color=ink(), linestyle="--", linewidth=1, label="true error")
    axis.set(xscale="log", xlabel="pixels in the sample\n(lines: means; bands: middle 80 %)")
    axis.set_ylabel("estimated error, %")
    legend_below(figure, axis)
    figure.set_label(
        f"{title}: mean estimate over pixels in the sample, {sizes[0]:,} to {sizes[-1]:,}. "
        f"{'; '.join(notes)}; the true error is 0."
    )
    return figure


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
        axis.hlines(row[~covers], low[~covers], high[~covers], color=ORANGE, linewidth=2.5)
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
def scores_by_field(
    accuracy: Sequence[float], panels: Mapping[str, Mapping[str, Sequence[float]]]
) -> Figure:
    """Plot scores of networks in single fields of view, over the accuracy of BCE there.

    Args:
        accuracy: accuracy of BCE in each field, as a share, which says how hard the field is.
        panels: name of the score -> name of the network -> its score in each field, as a share.
    """
    figure, axes = new_panels(len(panels), 3.6, 3.6, "Scores in single fields of view", sharex=True)
    order = np.argsort(accuracy)
    notes = []
    for axis, (score, networks) in zip(axes, panels.items(), strict=True):
        for (name, values), (colour, _, mark) in zip(networks.items(), looks(), strict=False):
            share = 100 * np.asarray(values)[order]
            # Open markers show both scores where they coincide.
            look = {"color": colour, "fillstyle": "none", "markeredgewidth": 1.5}
            axis.plot(100 * np.asarray(accuracy)[order], share, mark, label=name, **look)
            direction = "rises" if share[-1] > share[0] else "falls"
            notes.append(f"the {score} of {name} {direction}")
        axis.set(
            xlabel="accuracy of BCE in the field, %", ylabel=f"{score}, points", ylim=(0, None)
        )
    legend_below(figure, axes[0])
    figure.set_label(
        f"Scores in {len(order)} single fields of view. From the hardest to the easiest field, "
        f"{', '.join(notes)}."
    )
    return figure


@themed
def power_curves(
    differences: Sequence[float], powers: Mapping[str, Sequence[float]], mark: float
) -> Figure:
    """Plot the probability that a difference is resolved, over its size, with a line at 90 %.

    Args:
        differences: true differences in standard deviations, in ascending order.
        powers: number of seeds in words -> probability at each difference.
        mark: difference to mark.
    """
    figure, (axis,) = new_panels(1, 6.2, 3.6, "Power of a paired t-test at 5 %")
    notes = []
    for (name, power), (colour, line, _) in zip(powers.items(), looks(), strict=False):
        axis.plot(differences, 100 * np.asarray(power), line, color=colour, label=name)
        notes.append(f"{name}, {100 * np.interp(mark, differences, power):.0f} %")
    axis.axvline(mark, color=ink(), linestyle=":", linewidth=1)
    axis.axhline(90, color=ink(), linestyle=":", linewidth=1)
    axis.set(xlabel="true difference, in standard deviations over seeds", ylim=(0, 102))
    axis.set(ylabel="trials that resolve it, %", xlim=(differences[0], differences[-1]))
    legend_below(figure, axis)
    figure.set_label(
        f"Trials that resolve a true difference, over its size. At {mark:g} standard deviations: "
        f"{'; '.join(notes)}."
    )
    return figure
