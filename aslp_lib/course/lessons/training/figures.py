"""Figures of confidence and accuracy over training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import METHOD_COLOURS, directions, ink, legend_below, themed

Log = Sequence[Mapping[str, float]]
BCE, _, ASLP, *_ = METHOD_COLOURS
SHOWN = (60, 100)
"""Range of the shares, in %. The first epochs lie outside."""


@themed
def confidence_and_accuracy(logs: Mapping[str, Log]) -> Figure:
    """Plot validation confidence and accuracy over epochs, with the difference shaded.

    Args:
        logs: title of a panel -> rows of a training log.
    """
    figure, axes = new_panels(len(logs), 3.6, 3.6, sharey=True)
    panels = zip(axes, logs.items(), strict=True)
    notes = [_draw_shares(axis, *panel) for axis, panel in panels]
    axes[0].set(ylabel="validation, % of pixels")
    legend_below(figure, axes[0])
    figure.set_label(f"Confidence and accuracy over training. At the end, {'; '.join(notes)}.")
    return figure


@themed
def in_view(logs: Mapping[str, Log]) -> Figure:
    """Plot confidence and accuracy of BCE and of ASLP (MC), and the alphas beside MC's bound.

    Args:
        logs: label of the method -> rows of its training log. The technique is hard inversion.
    """
    figure, axes = new_panels(3, 3.6, 3.6)
    notes = []
    for axis, (label, log) in zip(axes, logs.items(), strict=False):
        notes.append(_draw_shares(axis, label, log))
        if "alpha_mean" not in log[-1]:
            continue
        names = ("epoch", "alpha_mean", "alpha_p10", "alpha_p90", "accuracy")
        epoch, mean, low, high, accuracy = np.array([[row[n] for n in names] for row in log]).T
        axes[2].fill_between(epoch, low, high, color=ASLP, alpha=0.3, linewidth=0)
        axes[2].plot(epoch, mean, color=ASLP, label="mean alpha")
        bound = 2 * (1 - accuracy) / HARD_INVERSION.beta
        axes[2].plot(epoch, bound, "--", color=ink(), label="MC's bound")
        axes[2].legend(loc="lower right", fontsize=9)
        notes[-1] += f", mean alpha {mean[-1]:.3f} with bound {bound[-1]:.3f}"
    axes[0].set(ylabel="validation, % of pixels")
    axes[2].set(xlabel="epoch", ylabel="alpha", ylim=(0, 0.4), title="alphas of ASLP (MC)")
    legend_below(figure, axes[0])
    figure.set_label(f"Confidence and accuracy over training. At the end, {'; '.join(notes)}.")
    return figure


@themed
def bills(expected: Sequence[float], paid: Sequence[float], stop: int) -> Figure:
    """Plot the bills of 100 pixels that the network of BCE leads to, over epochs.

    Args:
        expected, paid: bills after each epoch.
        stop: epoch that early stopping keeps.
    """
    figure, (axis,) = new_panels(1, 6.2, 3.4)
    epoch = range(1, len(paid) + 1)
    axis.plot(epoch, expected, color=BCE, label="expected bill")
    axis.plot(epoch, paid, color=BCE, linewidth=4, alpha=0.6, label="paid bill")
    axis.axvline(stop, color=ink(), linestyle=":", linewidth=1, label="early stopping")
    axis.set(xlabel="epoch", ylabel="bill of 100 pixels", ylim=(0, 100), title="BCE")
    legend_below(figure, axis)
    figure.set_label(
        f"Bills of BCE over epochs. Early stopping keeps epoch {stop}: expected "
        f"{expected[stop - 1]:.0f}, paid {paid[stop - 1]:.0f}. At the end: expected "
        f"{expected[-1]:.0f}, paid {paid[-1]:.0f}."
    )
    return figure


def _draw_shares(axis: Axes, title: str, log: Log) -> str:
    """Draw a panel of confidence and accuracy, and describe its end."""
    over, under = directions()
    epoch, confidence, accuracy = np.array(
        [[row["epoch"], 100 * row["confidence"], 100 * row["accuracy"]] for row in log]
    ).T
    axis.plot(epoch, confidence, color=ink(), label="confidence")
    axis.plot(epoch, accuracy, ":", color=ink(), linewidth=2, label="accuracy")
    shade: dict[str, Any] = {"alpha": 0.3, "linewidth": 0, "interpolate": True}
    wrong = {"overconfident": (confidence > accuracy, over)}
    wrong["underconfident"] = (confidence < accuracy, under)
    for label, (where, colour) in wrong.items():
        axis.fill_between(
            epoch, confidence, accuracy, where=where, color=colour, label=label, **shade
        )
    axis.set(xlabel="epoch", ylim=SHOWN)
    axis.set_title(title, fontsize=11)
    return f"{title}: {confidence[-1]:.0f} and {accuracy[-1]:.0f} %"
