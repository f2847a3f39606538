"""Figures of label perturbation: targets over epochs, and differences paired by seed."""

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
def differences_by_seed(differences: Mapping[str, np.ndarray], name: str) -> Figure:
    """Show by how much networks differ from another one, which was trained with the same seed.

    Args:
        differences: network -> its differences, (seeds,).
        name: name of the difference.
    """
    figure, (axis,) = new_panels(1, 6.2, 3.2)
    for network, (colour, _, mark) in looks(differences).items():
        axis.plot(differences[network], mark, color=colour, label=network, ms=9)
    axis.axhline(0, color=ink(), linestyle="--", linewidth=1)
    axis.set(xlabel="seed", ylabel=name)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
    below = (f"{network} with {(x < 0).sum()} of {len(x)}" for network, x in differences.items())
    figure.set_label(f"{name}. Seeds below 0: {', '.join(below)}.".replace("\n", " "))
    return figure
