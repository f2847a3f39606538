"""Figures of the evidence for an alpha, of the alphas of a training run, and of the rules."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import OF_METHODS, directions, ink, legend_below, themed

BCE, ASLP = OF_METHODS["BCE"], OF_METHODS["ASLP"]


@themed
def evidence(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray]], verdicts: Sequence[str]
) -> Figure:
    """Plot the measured overconfidence of BCE on each image over the true one.

    Args:
        panels: title -> (images,) true and (images,) measured overconfidence, in points.
        verdicts: what the means of each panel show.
    """
    figure, axes = new_panels(len(panels), 3.9, 3.7, sharex=True, sharey=True)
    notes = []
    for axis, (title, pair), verdict in zip(axes, panels.items(), verdicts, strict=True):
        true, measured = pair
        axis.plot([0, 60], [0, 60], "--", color=ink(), linewidth=1, label="measured = true")
        axis.plot(true, measured, "o", color=BCE, markersize=4, alpha=0.7, label="image")
        axis.set(xlabel="true overconfidence, points", title=title)
        means = f"{verdict}: mean {measured.mean():z.0f}, true {true.mean():.0f}"
        axis.text(0.98, 0.02, means, transform=axis.transAxes, ha="right", va="bottom", fontsize=9)
        low, high = np.quantile(measured, [0.1, 0.9])
        least, most = np.quantile(true, [0.1, 0.9])
        notes.append(
            f"{title.capitalize()}, {means}; middle 80 %: measured {low:z.0f} to {high:z.0f}, "
            f"true {least:z.0f} to {most:z.0f}"
        )
    axes[0].set(ylabel="measured overconfidence, points", ylim=(-13, 62))
    legend_below(figure, axes[0])
    figure.set_label(
        f"Measured over true overconfidence of BCE in points, a dot per image. {'. '.join(notes)}."
    )
    return figure


@themed
def alphas_and_bound(
    epochs: Sequence[int], alphas: np.ndarray, bound: Sequence[float], warm_up: int = 5
) -> Figure:
    """Plot the alphas of all training images over the epochs, with the bound of the rule MC.

    Args:
        epochs: epochs after which the alphas were recorded.
        alphas: (epochs, images) recorded alphas.
        bound: the bound after every epoch, from the first on.
        warm_up: epochs in which the alphas wait at 0.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.7)
    low, median, high = np.quantile(alphas, [0.1, 0.5, 0.9], axis=1)
    slowest = alphas[:, alphas.mean(0).argmin()]
    axis.fill_between(epochs, low, high, color=ASLP, alpha=0.3, lw=0, label="middle 80 % of images")
    axis.plot(epochs, median, color=ASLP, linewidth=1.5, label="median image")
    axis.plot(epochs, slowest, "-.", color=ASLP, linewidth=1.5, label="slowest image")
    axis.plot(range(1, len(bound) + 1), bound, "--", color=ink(), linewidth=1, label="bound of MC")
    axis.axvspan(0, warm_up, color=ink(), alpha=0.12, linewidth=0)
    axis.text(warm_up / 2, 0.1, "warm-up", rotation=90, ha="center", va="center", fontsize=9)
    axis.text(epochs[-1], bound[-1] - 0.01, "bound", ha="right", va="top", fontsize=9)
    axis.set(xlabel="epoch", ylabel="perturbation level alpha", xlim=(0, epochs[-1] + 2))
    axis.set(ylim=(0, 0.2), yticks=(0, 0.05, 0.1, 0.15, 0.2))
    legend_below(figure, axis)
    ends = [f"{low[i]:.3f} to {high[i]:.3f} at epoch {epochs[i]}" for i in (5, -1)]
    figure.set_label(
        f"Alphas of {alphas.shape[1]} training images and the bound of MC, {bound[-1]:.3f} at the "
        f"end. The middle 80 % of the alphas are {' and '.join(ends)}; the slowest image arrives "
        "last."
    )
    return figure


@themed
def rules(gaps: Mapping[str, Sequence[float]]) -> Figure:
    """Plot confidence minus accuracy of each run, a row for each rule.

    Args:
        gaps: name of the rule -> confidence minus accuracy of its runs, in points.
    """
    figure, (axis,) = new_panels(1, 6.6, 0.9 + 0.35 * len(gaps))
    axis.axvline(0, color=ink(), linewidth=1)
    for row, (name, points) in enumerate(gaps.items()):
        colour, scaled = BCE if name.startswith("BCE") else ASLP, "scaled" in name
        fill = "none" if scaled else colour
        axis.plot(points, [row] * len(points), "o", color=colour, markerfacecolor=fill, ms=7)
    end = 1.15 * max(abs(x) for points in gaps.values() for x in points)
    over, under = directions(text=True)
    axis.text(end, -0.75, "overconfident", color=over, ha="right", va="center", fontsize=9)
    axis.text(-end, -0.75, "underconfident", color=under, ha="left", va="center", fontsize=9)
    axis.set(xlabel="confidence - accuracy, points", xlim=(-end, end), ylim=(len(gaps) - 0.5, -1.1))
    axis.set_yticks(range(len(gaps)), [*gaps])
    spans = [f"{name} {min(x):+.1f} to {max(x):+.1f}" for name, x in gaps.items()]
    figure.set_label(f"Confidence minus accuracy in points, a dot per run: {'; '.join(spans)}.")
    return figure
