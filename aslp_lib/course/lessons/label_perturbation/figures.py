"""Figure of label perturbation: targets over epochs."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import new_figure, plain, themed


@themed
def targets_over_epochs(rows: Mapping[str, np.ndarray]) -> Figure:
    """Show the targets of a pixel as strips, with one strip per technique.

    Args:
        rows: name of the strip -> (epochs,) targets in [0, 1].
    """
    epochs = len(next(iter(rows.values())))
    figure = new_figure(8.4, 0.55 * len(rows) + 0.7, None)
    axes = figure.subplots(len(rows), 1, sharex=True)
    for axis, (name, targets) in zip(axes, rows.items(), strict=True):
        axis.imshow(targets[None], cmap="gray", vmin=0, vmax=1, aspect="auto")
        axis.set(yticks=[])
        axis.spines[:].set_visible(True)  # a white strip would dissolve into the page
        axis.tick_params(bottom=axis is axes[-1])
        axis.set_ylabel(plain(name, 16), fontsize=10, rotation=0, ha="right", va="center")
    axes[-1].set(
        xlabel="epoch", xticks=np.arange(19, epochs, 20), xticklabels=np.arange(20, epochs + 1, 20)
    )
    notes = (
        f"{name} from {targets.min():.2f} to {targets.max():.2f}" for name, targets in rows.items()
    )
    figure.set_label(f"Targets of a foreground pixel in {epochs} epochs: {'; '.join(notes)}.")
    return figure
