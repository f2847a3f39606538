"""Figures of images beside their masks and predicted maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import new_figure, plain

if TYPE_CHECKING:
    from aslp_lib.data.base import SaliencySet


def gallery(
    dataset: SaliencySet, indices: Sequence[int], maps: Mapping[str, Sequence[np.ndarray]]
) -> Figure:
    """Draw images beside their masks, their true posteriors where known, and predicted maps.

    Each image has a row and each method has a column.

    >>> from aslp_lib.data.shapes import Shapes
    >>> grey_levels = np.full((16, 16), 128, np.uint8)
    >>> figure = gallery(Shapes("test", 3, seed=0, size=16), [2], {"BCE": [grey_levels]})
    >>> [axis.get_title() for axis in figure.axes]
    ['image', 'mask', 'true P(y=1)', 'BCE']

    Args:
        dataset: set of the images.
        indices: indices of the images in the set.
        maps: label -> (H, W) uint8 maps, in the order of `indices`.
    """
    columns: dict[str, list[np.ndarray]] = {
        "image": [dataset.load(i)[0].permute(1, 2, 0).numpy() for i in indices],
        "mask": [dataset.mask(i) for i in indices],
    }
    if (posterior := getattr(dataset, "posterior", None)) is not None:
        columns["true P(y=1)"] = [posterior[i] for i in indices]
    columns |= {label: [m / 255 for m in stack] for label, stack in maps.items()}
    rows = len(indices)
    figure = new_figure(1.5 * len(columns), 1.45 * rows + 0.5, None)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for axes, (title, pictures) in zip(grid.T, columns.items(), strict=True):
        axes[0].set_title(plain(title, 20), fontsize=9)
        for axis, picture in zip(axes, pictures, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
            axis.set_axis_off()
    figure.set_label(
        f"{rows} images of {dataset.name}, a row each, from left to right: {', '.join(columns)}. "
        "White is foreground; the greyer a map, the less sure."
    )
    return figure
