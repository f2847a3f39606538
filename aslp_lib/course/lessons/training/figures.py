"""Figures of confidence and accuracy, and of a laboratory's bills, over training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.bill.decision import Bill
from aslp_lib.evaluation.figures.style import OF_METHODS, directions, ink, legend_below, themed

Log = Sequence[Mapping[str, float]]
BCE, ASLP = OF_METHODS["BCE"], OF_METHODS["ASLP"]
SHOWN = (60, 100)
"""Range of the shares, in %; the accuracy of the first epochs lies below it."""
SHADE: dict[str, Any] = {"alpha": 0.3, "linewidth": 0, "interpolate": True}


@themed
def confidence_and_accuracy(logs: Mapping[str, Log]) -> Figure:
    """Plot validation confidence and accuracy of BCE over epochs, with the difference shaded.

    Args:
        logs: title of a panel -> rows of a training log.
    """
    figure, axes = new_panels(len(logs), 3.6, 3.4, sharey=True)
    panels = zip(axes, logs.items(), strict=True)
    notes = [_draw_shares(axis, *panel, BCE) for axis, panel in panels]
    axes[0].set(ylabel="confidence and accuracy, %")
    legend_below(figure, axes[0])
    figure.set_label(f"Confidence and accuracy over training. At the end, {'; '.join(notes)}.")
    return figure


@themed
def in_view(logs: Mapping[str, Log]) -> Figure:
    """Plot confidence and accuracy of BCE and of ASLP (MC), and the alphas beside MC's bound.

    Args:
        logs: label of the method -> rows of its training log. The technique is hard inversion.
    """
    figure, axes = new_panels(3, 3.6, 3.4)
    notes = []
    for axis, (label, log) in zip(axes, logs.items(), strict=False):
        with_alphas = "alpha_mean" in log[-1]
        notes.append(_draw_shares(axis, label, log, ASLP if with_alphas else BCE))
        if not with_alphas:
            continue
        names = ("epoch", "alpha_mean", "alpha_p10", "alpha_p90", "accuracy")
        epoch, mean, low, high, accuracy = np.array([[row[n] for n in names] for row in log]).T
        axes[2].fill_between(epoch, low, high, color=ASLP, alpha=0.3, linewidth=0)
        axes[2].plot(epoch, mean, color=ASLP, linewidth=2.5, label="mean alpha")
        bound = 2 * (1 - accuracy) / HARD_INVERSION.beta
        axes[2].plot(epoch, bound, color=ink(), linewidth=1, label="MC's bound")
        axes[2].legend(loc="lower right", fontsize=9)
        notes[-1] += f", mean alpha {mean[-1]:.3f} with bound {bound[-1]:.3f}"
    axes[0].set(ylabel="confidence and accuracy, %")
    axes[2].set(xlabel="epoch", ylabel="alpha", ylim=(0, 0.4), title="alphas of ASLP (MC)")
    legend_below(figure, axes[0])
    figure.set_label(f"Confidence and accuracy over training. At the end, {'; '.join(notes)}.")
    return figure


@themed
def plan_and_bill(bills: Sequence[Bill], kept: int, scaled: Sequence[Bill] = ()) -> Figure:
    """Plot the plan, which is the expected bill, and the paid bill of BCE over epochs.

    Args:
        bills: bills per pixel after each epoch.
        kept: epoch that early stopping keeps.
        scaled: bills of the temperature-scaled network after the last epochs, for a second panel.
    """
    panels = {"BCE, as trained": bills} | ({"BCE, scaled": scaled} if scaled else {})
    figure, axes = new_panels(len(panels), 5.2 if scaled else 6.2, 3.4, sharey=True)
    notes = []
    for axis, (title, rows) in zip(axes, panels.items(), strict=True):
        epoch = np.arange(len(bills) - len(rows), len(bills)) + 1
        plan, paid = 100 * np.array([(b.expected, b.paid) for b in rows]).T
        _shade(axis, epoch, paid, plan, ("the plan falls short", "the plan is too high"))
        line = "--" if rows is scaled else "-"
        axis.plot(epoch, plan, color=BCE, linewidth=2.5, linestyle=line)
        axis.plot(epoch, paid, color=ink(), linewidth=1)
        axis.axhline(100, color=ink(), linestyle="-.", linewidth=1)
        _write(axis, epoch[-1], 101, "check everything", ha="right", va="bottom")
        for name, curve, other in (("plan", plan, paid), ("paid", paid, plan)):
            side = ("bottom", 2) if curve[-1] > other[-1] else ("top", -2)
            _write(axis, epoch[-1], curve[-1] + side[1], name, ha="right", va=side[0])
        ends = plan[kept - epoch[0]], paid[kept - epoch[0]]
        axis.vlines(kept, *ends, color=ink(), linewidth=1.5)
        _write(axis, kept, min(ends) - 3, f"kept: {kept}", va="top", ha="left")
        axis.set(xlabel="epoch", xlim=(0, 1.03 * len(bills)), ylim=(30, 112), title=title)
        shown = f"kept, epoch {kept}: {ends[0]:.0f} and {ends[1]:.0f}"
        notes.append(f"{title}, {shown}; the end: {plan[-1]:.0f} and {paid[-1]:.0f}")
    axes[0].set(ylabel="bill of 100 pixels")
    legend_below(figure, axes[0])
    figure.set_label(
        f"Plan and paid bill over epochs; checking everything costs 100. {'. '.join(notes)}."
    )
    return figure


@themed
def best_epochs(first: Sequence[float], second: Sequence[float]) -> Figure:
    """Plot the epoch that early stopping keeps with BCE and with constant alpha, seed by seed.

    Args:
        first, second: best epochs of BCE and of constant alpha, in the same order of seeds.
    """
    figure, (axis,) = new_panels(1, 4.2, 3.2)
    pairs = np.array([first, second])
    axis.plot([0, 1], pairs, color=ink(), linewidth=1, alpha=0.5)
    names = "BCE", "constant alpha"
    for place, (name, epochs) in enumerate(zip(names, pairs, strict=True)):
        axis.scatter([place] * len(epochs), epochs, color=OF_METHODS[name], zorder=3)
    axis.set(xlim=(-0.4, 1.4), ylim=(0, 140), ylabel="best epoch of 140")
    axis.set_xticks([0, 1], names)
    low, high, later = np.median(first), np.median(second), (pairs[1] > pairs[0]).sum()
    figure.set_label(
        f"Best epoch of each seed. Median: {low:.0f} with BCE, {high:.0f} with constant alpha, "
        f"which is later in {later} of {len(first)} seeds."
    )
    return figure


def _draw_shares(axis: Axes, title: str, log: Log, colour: str) -> str:
    """Draw a panel of confidence and accuracy with the last gap, and describe the end."""
    epoch, confidence, accuracy = np.array(
        [[row["epoch"], 100 * row["confidence"], 100 * row["accuracy"]] for row in log]
    ).T
    _shade(axis, epoch, confidence, accuracy, ("overconfident", "underconfident"))
    axis.plot(epoch, confidence, color=colour, linewidth=2.5)
    axis.plot(epoch, accuracy, color=ink(), linewidth=1)
    gap = confidence[-1] - accuracy[-1]
    ends = (("confidence", confidence[-1], gap > 0), ("accuracy", accuracy[-1], gap <= 0))
    for name, end, above in ends:
        place, side = (end + 1, "bottom") if above else (end - 1, "top")
        _write(axis, epoch[-1], place, name, ha="right", va=side)
    middle, towards = (confidence[-1] + accuracy[-1]) / 2, directions(text=True)[int(gap < 0)]
    _write(axis, 1.03 * epoch[-1], middle, f"{gap:+.0f}", va="center", color=towards)
    axis.set(xlabel="epoch", xlim=(0, 1.14 * epoch[-1]), ylim=SHOWN)
    axis.set_title(title, fontsize=11)
    return f"{title}: {confidence[-1]:.0f} and {accuracy[-1]:.0f} % ({gap:+.0f} points)"


def _shade(
    axis: Axes, x: np.ndarray, first: np.ndarray, second: np.ndarray, names: tuple[str, str]
) -> None:
    """Shade where the first curve is above the second, and where it is below."""
    sides = first > second, first < second
    for where, colour, name in zip(sides, directions(), names, strict=True):
        axis.fill_between(x, first, second, where=where, color=colour, label=name, **SHADE)


def _write(axis: Axes, x: float, y: float, words: str, **look: Any) -> None:
    """Write words at a place of the axes."""
    axis.text(x, y, words, fontsize=9, **look)
