"""Figures of label perturbation: perturbed label maps, and targets over epochs."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import draw_pictures, new_panels, picture_grid
from aslp_lib.evaluation.figures.style import new_figure, plain, themed


@themed
def label_maps(maps: Mapping[str, np.ndarray], mask: np.ndarray) -> Figure:
    """Show label maps side by side, with the values of background and foreground.

    Args:
        maps: title -> (H, W) targets in [0, 1].
        mask: (H, W) unperturbed label.
    """
    figure, axes = new_panels(len(maps), 1.95, 2.5)
    draw_pictures(axes, maps.values())
    _frame(axes)
    notes = []
    for axis, (title, target) in zip(axes, maps.items(), strict=True):
        ground, object_ = _format_range(target[mask == 0]), _format_range(target[mask == 1])
        axis.set_title(title)
        axis.set_xlabel(f"background {ground}\nforeground {object_}", fontsize=9)
        notes.append(f"{title}: background {ground}, foreground {object_}")
    figure.colorbar(axes[0].images[0], ax=list(axes), label="target", shrink=0.8)
    figure.set_label(f"A label map and its targets. {'; '.join(notes)}.")
    return figure


@themed
def label_grid(rows: Mapping[str, np.ndarray], description: str) -> Figure:
    """Show rows of label maps, such as several samples of the targets of a batch.

    Args:
        rows: name of the row -> (N, H, W) targets in [0, 1].
        description: description of the maps, which ends the alt text.
    """
    figure, grid = picture_grid(rows, 1.2)
    _frame(grid.flat)
    figure.set_label(f"{grid.shape[1]} label maps; rows: {', '.join(rows)}. {description}")
    return figure


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
        axis.tick_params(bottom=axis is axes[-1])
        axis.set_ylabel(plain(name, 16), fontsize=10, rotation=0, ha="right", va="center")
    _frame(axes)
    axes[-1].set(
        xlabel="epoch", xticks=np.arange(19, epochs, 20), xticklabels=np.arange(20, epochs + 1, 20)
    )
    notes = (
        f"{name} from {targets.min():.2f} to {targets.max():.2f}" for name, targets in rows.items()
    )
    figure.set_label(f"Targets of a foreground pixel in {epochs} epochs: {'; '.join(notes)}.")
    return figure


def _frame(axes: Iterable[Axes]) -> None:
    """Draw all four edges of maps, because a white map would dissolve into the page."""
    for axis in axes:
        axis.spines[:].set_visible(True)


def _format_range(values: np.ndarray) -> str:
    """Format the range of values, or the one value if all are equal to two decimals."""
    if not values.size:
        return "none"
    low, high = f"{values.min():.2f}", f"{values.max():.2f}"
    return low if low == high else f"{low} to {high}"
