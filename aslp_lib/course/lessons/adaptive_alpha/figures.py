"""Figures of the evidence for an alpha, and of the alphas of a training run."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import OF_METHODS, ink, legend_below, themed

BCE, ASLP = OF_METHODS["BCE"], OF_METHODS["ASLP"]


@themed
def evidence(panels: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Plot the measured overconfidence of BCE on each image over the true one.

    Args:
        panels: title -> (images,) true and (images,) measured overconfidence, in points.
    """
    figure, axes = new_panels(len(panels), 3.9, 3.7, sharex=True, sharey=True)
    notes = []
    for axis, (title, (true, measured)) in zip(axes, panels.items(), strict=True):
        axis.plot([0, 60], [0, 60], "--", color=ink(), linewidth=1, label="measured = true")
        axis.plot(true, measured, "o", color=BCE, markersize=4, alpha=0.7, label="image")
        axis.set(xlabel="true overconfidence, points", title=title)
        notes.append(f"{title}: {true.mean():.0f} and {measured.mean():z.0f}")
    axes[0].set(ylabel="measured overconfidence, points")
    legend_below(figure, axes[0])
    figure.set_label(
        "Measured over true overconfidence of BCE, a dot per image. Means of the true and the "
        f"measured one, points: {'; '.join(notes)}."
    )
    return figure


@themed
def alphas_and_bound(epochs: Sequence[int], alphas: np.ndarray, bound: Sequence[float]) -> Figure:
    """Plot the alphas of all training images over the epochs, with the bound of the rule MC.

    Args:
        epochs: epochs after which the alphas were recorded.
        alphas: (epochs, images) recorded alphas.
        bound: the bound after every epoch, from the first on.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.7)
    images = axis.plot(epochs, alphas, color=ASLP, linewidth=0.8, alpha=0.6)
    images[0].set_label("alpha of a training image")
    axis.plot(range(1, len(bound) + 1), bound, "--", color=ink(), linewidth=1, label="bound of MC")
    axis.set(xlabel="epoch", ylabel="perturbation level alpha", ylim=(0, 0.2))
    legend_below(figure, axis)
    low, high = np.quantile(alphas, [0.1, 0.9], axis=1)
    ends = [f"{low[i]:.3f} to {high[i]:.3f} at epoch {epochs[i]}" for i in (5, -1)]
    figure.set_label(
        f"Alphas of {alphas.shape[1]} training images and the bound of MC, {bound[-1]:.3f} at the "
        f"end. The middle 80 % of the alphas are {' and '.join(ends)}."
    )
    return figure
