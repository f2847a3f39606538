"""Figure of mistakes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from aslp_lib.course.figures.panels import outline
from aslp_lib.evaluation.figures.style import PINK, draw_legend, new_figure, themed

Example = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Grey levels of an image, its mask in {0, 1}, and predicted P(y=1), each (H, W) or (H, W, 3)."""

KINDS = "false foreground", "missed, f > 1/10", "missed, f ≤ 1/10: not checked"
GREYS = "#CCCCCC", "#858585"
"""Colours of the kinds that are checked; the kind that is not is pink, as in the bill."""


@themed
def mistakes(sets: Mapping[str, Sequence[Example]]) -> Figure:
    """Draw images above their predictions and above the mistakes, of several sets side by side.

    An image has the outline of its label. A mistake is coloured by its kind. Correct pixels are
    white.

    Args:
        sets: name of the set -> its examples.
    """
    examples = [example for several in sets.values() for example in several]
    figure = new_figure(1.35 * len(examples) + 0.8, 4.7)
    grid = figure.subplots(3, len(examples), squeeze=False)
    colours = *GREYS, PINK
    for axes, (image, mask, p) in zip(grid.T, examples, strict=True):
        axes[0].imshow(image, cmap="gray", vmin=0, vmax=255)
        outline(axes[0], mask)
        axes[1].imshow(p, cmap="gray", vmin=0, vmax=1)
        kind = np.where(p >= 0.5, 1, np.where(p > 0.1, 2, 3)) * ((p >= 0.5) != mask)
        axes[2].imshow(kind, cmap=ListedColormap(["white", *colours]), vmin=0, vmax=3)
    for axis in grid.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)  # white maps would dissolve into the page
    for axis, name in zip(
        grid[:, 0], ("image\nand label", "predicted\nP(y=1), f", "mistakes"), strict=True
    ):
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
    draw_legend(figure, [Patch(color=colour) for colour in colours], KINDS, 2.5)
    notes, first = [], 0
    for name, several in sets.items():
        grid[0, first].set_title(name, loc="left")
        p, mask = (np.stack([example[k] for example in several]) for k in (2, 1))
        wrong = (p >= 0.5) != mask
        confidence = np.maximum(p, 1 - p)[wrong].mean()
        notes.append(f"{name}: the mean confidence of mistakes is {100 * confidence:.0f} %")
        first += len(several)
    figure.set_label(
        "Images with the outline of their label, predicted P(y=1), and wrong pixels, coloured by "
        f"kind: {'; '.join(KINDS)}. {'; '.join(notes)}."
    )
    return figure
