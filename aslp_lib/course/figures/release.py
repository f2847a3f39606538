"""Figure of notebook e4: maps before and after min-max normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import picture_grid
from aslp_lib.data.base import SaliencySet
from aslp_lib.evaluation.figures.style import themed
from aslp_lib.metrics.counts import min_max


@themed
def stretched_maps(
    dataset: SaliencySet, indices: Sequence[int], maps: Sequence[NDArray[np.uint8]]
) -> Figure:
    """Show images, their maps, and the maps after min-max normalisation, one column per image.

    Args:
        indices: indices of the images in the set.
        maps: their (H, W) maps.
    """
    images = [dataset.load(index)[0].permute(1, 2, 0).numpy() for index in indices]
    normalised = [min_max(grey_map) for grey_map in maps]
    figure, grid = picture_grid({"image": images, "map": maps, "normalised": normalised}, 1.8, 255)
    shares = []
    for axis, values in zip(grid[1:].flat, (*maps, *normalised), strict=True):
        shares.append(f"{100 * (values >= 128).mean():.0f} %")
        extent = f"{values.min() / 255:.2f} to {values.max() / 255:.2f}"
        axis.set_xlabel(f"{extent}\n{shares[-1]} foreground", fontsize=9)
    notes = map(" and ".join, zip(shares[: len(maps)], shares[len(maps) :], strict=True))
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a column each: the image, the network's map, "
        "and the map after min-max normalisation; white is foreground. Fraction of pixels "
        f"predicted as foreground before and after: {'; '.join(notes)}."
    )
    return figure
