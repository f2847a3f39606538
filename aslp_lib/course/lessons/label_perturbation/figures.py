"""Figures of label perturbation: targets over epochs, and scores paired by seed."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import ink, looks, new_figure, plain, themed


@themed
def targets_over_epochs(rows: Mapping[str, np.ndarray]) -> Figure:
    """Show the targets of a pixel as strips with their standard deviations, one per technique.

    Args:
        rows: name of the strip -> (epochs,) targets in [0, 1].
    """
    figure = new_figure(8.4, 0.55 * len(rows) + 0.7, None)
    axes = figure.subplots(len(rows), 1, sharex=True)
    for axis, (name, targets) in zip(axes, rows.items(), strict=True):
        ends = 0.5, len(targets) + 0.5, 0, 1  # the first epoch is 1
        axis.imshow(targets[None], cmap="gray", vmin=0, vmax=1, aspect="auto", extent=ends)
        axis.set(yticks=[])
        axis.spines[:].set_visible(True)  # a white strip would dissolve into the page
        axis.set_ylabel(plain(name, 16), fontsize=10, rotation=0, ha="right", va="center")
        axis.text(1.01, 0.5, f"{targets.std():z.2f}", transform=axis.transAxes, va="center")
    axes[0].set_title("standard deviation", loc="right")
    axes[-1].set(xlabel="epoch")
    notes = (f"{name}, standard deviation {targets.std():z.2f}" for name, targets in rows.items())
    figure.set_label(f"Targets of a foreground pixel over epochs: {'; '.join(notes)}.")
    return figure


@themed
def paired_by_seed(scores: Mapping[str, np.ndarray], name: str) -> Figure:
    """Show a score of networks, with a line that joins those of the same seed.

    Args:
        scores: network -> its scores, (seeds,).
        name: name of the score.
    """
    figure, (axis,) = new_panels(1, 5.6, 3.4)
    axis.plot(np.array([*scores.values()]), color=ink(), linewidth=0.8)
    look = looks(scores)
    for x, (network, values) in enumerate(scores.items()):
        colour, _, mark = look[network]
        axis.plot(np.full(len(values), x), values, mark, color=colour, ms=9)
    axis.set(ylabel=name, xticks=range(len(scores)), xticklabels=scores, xlim=(-0.4, x + 0.4))
    means = (f"{network} {np.mean(values):.3f}" for network, values in scores.items())
    means_in_words = ", ".join(means).replace("-", "−")
    figure.set_label(f"{name}, a line for each seed. Means: {means_in_words}.")
    return figure
