"""Figure of mistakes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import directions, new_figure, themed

Example = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Grey levels of an image, its mask in {0, 1}, and predicted P(y=1), each (H, W) or (H, W, 3)."""


@themed
def mistakes(sets: Mapping[str, Sequence[Example]]) -> Figure:
    """Draw images above their predictions and above the mistakes, of several sets side by side.

    An image has the outline of its label, in black on white, which stands out against any colour. A
    mistake is coloured by its confidence: the stronger the colour, the more confident. Correct
    pixels are white.

    Args:
        sets: name of the set -> its examples.
    """
    examples = [example for several in sets.values() for example in several]
    figure = new_figure(1.35 * len(examples) + 1.4, 4.7)
    grid = figure.subplots(3, len(examples), squeeze=False)
    shades = LinearSegmentedColormap.from_list("mistakes", ["#FBE3D2", directions()[0]])
    colours = shades.with_extremes(under="white")
    for axes, (image, mask, p) in zip(grid.T, examples, strict=True):
        wrong = (p >= 0.5) != mask
        axes[0].imshow(image, cmap="gray", vmin=0, vmax=255)
        for colour, width in (("white", 3), ("black", 1)):
            axes[0].contour(mask, [0.5], colors=colour, linewidths=width)
        axes[1].imshow(p, cmap="gray", vmin=0, vmax=1)
        confidence = np.where(wrong, np.maximum(p, 1 - p), 0)
        drawn = axes[2].imshow(confidence, cmap=colours, vmin=0.5, vmax=1)
    for axis in grid.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)  # white maps would dissolve into the page
    for axis, name in zip(
        grid[:, 0], ("image\nand label", "predicted\nP(y=1), f", "mistakes"), strict=True
    ):
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
    scale = figure.colorbar(drawn, ax=grid[2], label="confidence, %", ticks=[0.5, 0.75, 1])
    scale.ax.set_yticklabels(["50", "75", "100"])
    notes, first = [], 0
    for name, several in sets.items():
        grid[0, first].set_title(name, loc="left")
        p, mask = (np.stack([example[k] for example in several]) for k in (2, 1))
        wrong = (p >= 0.5) != mask
        confidence = np.maximum(p, 1 - p)[wrong].mean()
        notes.append(f"{name}: the mean confidence of mistakes is {100 * confidence:.0f} %")
        first += len(several)
    figure.set_label(
        "Images with the outline of their label, predicted P(y=1), and wrong pixels, whose colour "
        f"is the stronger, the more confident they are. {'; '.join(notes)}."
    )
    return figure
