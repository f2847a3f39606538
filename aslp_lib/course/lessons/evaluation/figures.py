"""Figures of intervals, of scores in fields of view, and of verdicts."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, ink, looks, new_figure, themed
from aslp_lib.metrics.bootstrap import Interval


@themed
def interval_coverage(truth: float, intervals: Mapping[str, np.ndarray]) -> Figure:
    """Plot the intervals of many test sets, and highlight those that miss the true ECE.

    Args:
        truth: the ECE of the population, as a share.
        intervals: resampled unit -> (test sets, 2) interval ends, as shares.
    """
    rows = len(next(iter(intervals.values())))
    title = f"95 % intervals of {rows} test sets, one a line"
    figure, axes = new_panels(len(intervals), 3.6, 4.1, title, sharex=True)
    notes = []
    for axis, (unit, ends) in zip(axes, intervals.items(), strict=True):
        row, (low, high) = np.arange(len(ends)), 100 * ends.T
        hits = (low <= 100 * truth) & (100 * truth <= high)
        for label, chosen, colour, alpha in (
            ("contains it", hits, GREY, 0.75),
            ("misses it", ~hits, ink(), 1),
        ):
            rows_of = row[chosen], low[chosen], high[chosen]
            axis.hlines(*rows_of, color=colour, alpha=alpha, linewidth=1.3, label=label)
        axis.axvline(
            100 * truth, color=ink(), linestyle="--", linewidth=1, label="ECE of the population"
        )
        axis.set(xlabel="ECE, %", yticks=[], title=f"{unit} resampled")
        # Some intervals end close to the true value, so the exact number differs between machines.
        notes.append(f"{'most' if hits.mean() > 0.5 else 'few'} intervals over {unit}")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=3)
    figure.set_label(f"The true ECE lies in {', '.join(notes)}; intervals that miss it stand out.")
    return figure


@themed
def in_fields(bills: Mapping[str, np.ndarray], intervals: Mapping[str, np.ndarray]) -> Figure:
    """Plot the bills of two networks in each field of view, and their differences below intervals.

    Args:
        bills: network -> its bills, one a field; the first network's costliest field is on the
            left. The second panel shows the second network's bills minus those of the first.
        intervals: name -> lower and upper end of an interval of the difference.
    """
    figure = new_figure(11, 3.2, "Bills of two networks in ten fields of view")
    left, right = figure.subplots(1, 2)
    first, second = bills
    costliest = f"the costliest for {first.split(',')[0]}"
    values = np.array([*bills.values()])[:, bills[first].argsort()[::-1]]
    fields = np.arange(values.shape[1])
    left.vlines(fields, *values, color=ink(), linewidth=0.8, zorder=1)
    for (label, (colour, _, mark)), row in zip(looks(bills).items(), values, strict=True):
        left.plot(fields, row, mark, color=colour, label=label, ms=9)
    left.set(xlabel=f"fields, {costliest} on the left", xticks=[])
    left.set(ylabel="paid, for 100 pixels", ylim=(0, 1.08 * values.max()))
    left.legend(loc="lower left")
    right.axvline(0, color=ink(), linestyle="--", linewidth=1)
    right.plot(values[1] - values[0], np.zeros(len(fields)), "o", color=ink(), ms=8, alpha=0.5)
    for y, ends in enumerate(intervals.values(), 1):
        right.plot(ends, [y, y], "|-", color=ink(), linewidth=2.5, ms=10)
    names = [f"95 % interval, {name}" for name in intervals]
    right.set(yticks=range(len(names) + 1), yticklabels=["each dot a field", *names])
    right.set_ylim(len(names) + 0.5, -0.5)
    right.tick_params(axis="y", length=0)
    better = [label.split(",")[0] for label in (second, first)]
    right.set_xlabel(f"difference in the bill\n← {better[0]} better | {better[1]} better →")
    spans = "; ".join(f"{n} {x[0]:.0f} → {x[-1]:.0f}" for n, x in zip(bills, values, strict=True))
    notes = ", ".join(
        f"{name} {low:+.0f} to {high:+.0f}" for name, (low, high) in intervals.items()
    )
    figure.set_label(
        f"Paid bill, {costliest} first: {spans}. Difference, {second} minus {first}, 95 % interval "
        f"over fields: {notes}.".replace("-", "−")
    )
    return figure


@themed
def verdicts(differences: Mapping[str, Interval]) -> Figure:
    """Plot intervals of ASLP minus BCE, in % of BCE's score, and say which network each favours."""
    figure, (axis,) = new_panels(1, 7.4, 2.6, "ASLP (MC) minus BCE, as trained: 95 % intervals")
    axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
    colours, notes = {name: look[0] for name, look in looks(["ASLP", "BCE"]).items()}, []
    for y, (score, interval) in enumerate(differences.items()):
        favours, colour = "not resolved", ink()
        if interval.excludes_zero:
            better = "ASLP" if interval.high < 0 else "BCE"
            favours, colour = f"{better} better", colours[better]
        axis.hlines(y, interval.low, interval.high, color=colour, linewidth=2.5)
        axis.plot(interval.value, y, "D", color=colour, ms=8)
        axis.text(1.02, y, favours, color=colour, transform=axis.get_yaxis_transform(), va="center")
        notes.append(f"{score} {favours}")
    axis.set(xlabel="difference, % of BCE's score (of each score, less is better)")
    axis.set(yticks=range(y + 1), yticklabels=differences)
    axis.set_ylim(y + 0.5, -0.5)
    figure.set_label(f"ASLP (MC) minus BCE, as trained: {', '.join(notes)}.")
    return figure


@themed
def seeds_and_fields(gain: np.ndarray, intervals: Mapping[str, np.ndarray]) -> Figure:
    """Plot the mean gain of each seed and of each field of view, and intervals of the mean.

    Args:
        gain: seeds x fields.
        intervals: what is resampled, seeds, fields and both -> lower and upper end.
    """
    figure, (axis,) = new_panels(1, 7.4, 3.2, "By how much did early stopping lower the NLL?")
    axis.axvline(gain.mean(), color=ink(), linewidth=1, label="mean gain")
    axis.axvline(0, color=ink(), linestyle="--", linewidth=1, label="no gain")
    strips = gain.mean(axis=1), gain.mean(axis=0), np.array([])
    for y, (values, ends) in enumerate(zip(strips, intervals.values(), strict=True)):
        axis.plot(values, np.full(len(values), y - 0.15), "o", color=GREY, ms=8, alpha=0.7)
        axis.plot(ends, [y + 0.2, y + 0.2], "|-", color=ink(), linewidth=2.5, ms=10)
    names = [f"95 % interval, {unit} resampled" for unit in intervals]
    names += ["each dot a seed, mean of its fields", "each dot a field, mean of its seeds"]
    axis.set(xlabel="gain in temperature-scaled NLL, nats", ylim=(2.5, -0.5))
    axis.set_yticks([0.2, 1.2, 2.2, -0.15, 0.85], names)
    axis.tick_params(axis="y", length=0)
    axis.legend(loc="center left", bbox_to_anchor=(0.06, 0.5))
    notes = (f"{name} {low:.3f} to {high:.3f}" for name, (low, high) in intervals.items())
    figure.set_label(f"Mean gain {gain.mean():.3f}; 95 % intervals: {', '.join(notes)}.")
    return figure
