"""Figures of intervals, of chance, of scores in fields of view, and of bills."""

from collections.abc import Mapping

import numpy as np
import pandas
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, draw_legend, ink, legend_below, looks, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


@themed
def interval_coverage(truth: float, intervals: Mapping[str, np.ndarray]) -> Figure:
    """Plot the intervals of many test sets, and highlight those that miss the true ECE.

    Args:
        truth: the ECE of the population, as a share.
        intervals: resampled unit -> (test sets, 2) interval ends, as shares.
    """
    figure, axes = new_panels(len(intervals), 3.6, 3.8, "95 % intervals of the ECE", sharex=True)
    notes = []
    for axis, (unit, ends) in zip(axes, intervals.items(), strict=True):
        row, (low, high) = np.arange(len(ends)), 100 * ends.T
        hits = (low <= 100 * truth) & (100 * truth <= high)
        axis.axvline(100 * truth, color=ink(), linestyle="--", linewidth=1)
        axis.hlines(row[hits], low[hits], high[hits], color=GREY, linewidth=1.2)
        axis.hlines(row[~hits], low[~hits], high[~hits], color=ink(), linewidth=2.2)
        heading = f"resampling {unit}:\n{hits.sum()} of {len(ends)} contain the truth"
        axis.set(xlabel="ECE, %", yticks=[], title=heading)
        # Some intervals end close to the true value, so the exact number differs between machines.
        notes.append(f"{'most' if hits.mean() > 0.5 else 'few'} intervals over {unit}")
    figure.set_label(f"The true ECE lies in {', '.join(notes)}; intervals that miss it are thick.")
    return figure


@themed
def chance(means: Mapping[int, float], floor: float, worth: float) -> Figure:
    """Plot the mean ECE of calibrated samples over their size, down to a noise floor.

    Args:
        means: number of independent pixels -> mean ECE, %.
        floor: noise floor of a test set, %.
        worth: number of independent pixels with this floor.
    """
    figure, (axis,) = new_panels(1, 5.2, 3.2, "Mean ECE of a calibrated network")
    axis.loglog(*zip(*means.items(), strict=True), "-o", color=ink(), label="independent pixels")
    axis.axhline(floor, color=GREY, linestyle="--", label="noise floor of our crops")
    about = f"about {round(worth, -3):,.0f}"
    axis.plot(worth, floor, "D", color=GREY, ms=9, label=about)
    axis.set(xlabel="independent pixels", ylabel="mean ECE, %")
    axis.set_xticks([*means], [f"{n:,}" for n in means])
    axis.set_yticks([0.5, 1, 2, 3], ["0.5", "1", "2", "3"])
    axis.minorticks_off()
    legend_below(figure, axis)
    falls = ", ".join(f"{value:.1f} % of {n:,}" for n, value in means.items())
    figure.set_label(f"Mean ECE of independent pixels: {falls}; {floor:.1f} % (floor) of {about}.")
    return figure


@themed
def in_fields(networks: Mapping[str, Counts]) -> Figure:
    """Plot the ECE of networks in single fields of view, over their mean accuracy."""
    figure, (axis,) = new_panels(1, 5.2, 3.2, "ECE in each of ten fields of view")
    fields = [[c[c.group_index == k] for k in range(c.independent)] for c in networks.values()]
    accuracy = 100 * np.mean([[calibration.accuracy(c) for c in row] for row in fields], axis=0)
    hardest, easiest, notes = accuracy.argmin(), accuracy.argmax(), []
    for (label, (colour, _, mark)), row in zip(looks(networks).items(), fields, strict=True):
        values = [100 * calibration.ece(c) for c in row]
        axis.plot(accuracy, values, mark, color=colour, label=label, ms=8)
        notes.append(f"{label} {values[hardest]:.1g} → {values[easiest]:.1g}")
    axis.set(xlabel="accuracy in the field, mean of both, %", ylabel="ECE, %", ylim=(0, None))
    legend_below(figure, axis)
    figure.set_label(f"ECE, %, from the hardest to the easiest field: {', '.join(notes)}.")
    return figure


@themed
def plans(
    runs: tuple[pandas.DataFrame, pandas.DataFrame], shipped: Mapping[str, tuple[float, float]]
) -> Figure:
    """Plot paid over planned bills of 100 pixels, and the line on which the plan holds.

    Args:
        runs: planned and paid bills of further runs, seeds x networks.
        shipped: network -> planned and paid bill of the run that the laboratory has.
    """
    figure, (axis,) = new_panels(1, 7.4, 3.2, "Bills of 100 pixels")
    axis.axline((50, 50), slope=1, color=ink(), linestyle="--", linewidth=1)
    methods, notes = looks(dict.fromkeys(label.split(",")[0] for label in shipped)), []
    for label, bill in shipped.items():
        both = zip(bill, runs, strict=True)
        planned, paid = (np.append(first, further.get(label, [])) for first, further in both)
        colour, _, mark = methods[label.split(",")[0]]
        fill = "full" if label in methods else "bottom" if "undone" in label else "none"
        axis.plot(planned, paid, mark, color=colour, fillstyle=fill, mew=1.5, ms=8)
        axis.scatter(*bill, s=200, facecolors="none", edgecolors=ink())
        notes.append(f"{label} {planned.mean():.0f}, {paid.mean():.0f}")
    for x, side in ((0.1, "costs more than planned"), (0.65, "costs less than planned")):
        axis.text(x, 0.92, side, transform=axis.transAxes)
    axis.set(xlabel="planned, checks", ylabel="paid, checks", ylim=(42, 66), aspect="equal")
    draw_legend(figure, axis.lines, ["plan holds", *shipped], 2.6)
    figure.set_label(f"Planned and paid bill, means of the runs: {'; '.join(notes)}.")
    return figure
