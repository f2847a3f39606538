"""Figures of intervals, of chance, of scores in fields of view, and of verdicts."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.curves import label_ends
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, ink, looks, themed
from aslp_lib.metrics.bootstrap import Interval


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
def chance(eces: Mapping[str, np.ndarray], networks: Mapping[str, float]) -> Figure:
    """Plot histograms of the ECEs that chance makes, beside the ECEs of the networks, all in %."""
    figure, (axis,) = new_panels(1, 6.2, 2.8, "ECEs by chance, and of the networks")
    notes = []
    for label, (colour, line, _) in looks(networks).items():
        flips, ends = np.histogram(eces[label], np.arange(0, 7, 0.1))
        axis.plot(ends[:-1], flips, drawstyle="steps-post", color=colour)
        axis.axvline(networks[label], color=colour, linestyle=line, linewidth=2.5)
        top = axis.get_xaxis_transform()
        axis.text(networks[label], 1.01, label, transform=top, ha="center", va="bottom")
        notes.append(
            f"{label} {networks[label]:.1f}, by chance {eces[label].mean():.1f} on average"
        )
    axis.set(xlabel="ECE, %", xlim=(0, 6.5), ylim=0, ylabel=f"of {len(eces[label]):,} flips")
    axis.text(1, 0.6, "by chance alone", transform=top)
    figure.set_label(f"ECEs, %: {'; '.join(notes)}. By chance, all are below 3.")
    return figure


@themed
def in_fields(bills: Mapping[str, np.ndarray]) -> Figure:
    """Plot the bills of two networks in each field of view, and join the two.

    Args:
        bills: network -> its bills, one a field; the first network's costliest field is on the
            left.
    """
    figure, (axis,) = new_panels(1, 7.6, 2.8, "Paid bill in ten fields of view")
    first, *_ = bills
    left = f"the costliest for {first.split(',')[0]}"
    values = np.array([*bills.values()])[:, bills[first].argsort()[::-1]]
    axis.vlines(range(values.shape[1]), *values, color=ink(), linewidth=0.8)
    lines = []
    for (label, (colour, _, mark)), row in zip(looks(bills).items(), values, strict=True):
        lines += axis.plot(row, mark, color=colour, label=label, ms=9)
    axis.set(xlabel=f"fields, {left} on the left", xticks=[])
    axis.set(ylabel="Paid bill, for 100 pixels", ylim=(0, 1.08 * values.max()))
    label_ends(axis, lines)
    ends = "; ".join(f"{n} {x[0]:.0f} → {x[-1]:.0f}" for n, x in zip(bills, values, strict=True))
    figure.set_label(f"Paid bill, {left} first: {ends}.")
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
    axis.set(xlabel="difference, % of BCE's score", yticks=range(y + 1), yticklabels=differences)
    axis.set_ylim(y + 0.5, -0.5)
    figure.set_label(f"ASLP (MC) minus BCE, as trained: {', '.join(notes)}.")
    return figure


@themed
def seeds_and_fields(gain: np.ndarray) -> Figure:
    """Show a difference for each seed and field of view, darker where it is larger."""
    seeds, fields = (gain.mean(axis=axis).argsort()[::-1] for axis in (1, 0))
    gain = gain[seeds][:, fields]
    figure, (axis,) = new_panels(1, 4.2, 3.6, "What early stopping gains (×: a loss)")
    image = axis.imshow(gain, cmap="Greys", vmin=0, vmax=0.1)
    for seed, field in np.argwhere(gain < 0):
        axis.plot(field, seed, "x", color="black", ms=8)
    axis.set(
        xlabel="fields, largest gain first",
        ylabel="seeds, largest gain at the top",
        xticks=[],
        yticks=[],
    )
    figure.colorbar(image, label="scaled NLL, nats lower")
    fewer = (gain < 0).sum()
    figure.set_label(f"Gain of each seed and field, {gain.mean():.3f} on average, {fewer} below 0.")
    return figure
