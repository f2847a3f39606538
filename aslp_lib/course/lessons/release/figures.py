"""Figures of simulated doses, and of maps before and after normalisation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures import alphas_over_epochs
from aslp_lib.course.figures.panels import picture_grid
from aslp_lib.course.simulation import Trace
from aslp_lib.data.image_set import ImageSet
from aslp_lib.evaluation.figures.style import themed
from aslp_lib.maps.write import min_max


def doses(traces: Mapping[str, tuple[Trace, float]]) -> Figure:
    """Plot the doses of three images over the epochs with their bound, one panel per simulation.

    Args:
        traces: label -> the simulation and the beta of its technique.
    """
    figure = alphas_over_epochs(
        {
            name: replace(trace, alpha=beta * trace.alpha, bound=beta * trace.bound)
            for name, (trace, beta) in traces.items()
        }
    )
    figure.axes[0].set_ylabel("dose, alpha * beta")
    figure.set_label(str(figure.get_label()).replace("Alphas", "Doses", 1))
    return figure


@themed
def stretched_maps(
    dataset: ImageSet, indices: Sequence[int], maps: Sequence[NDArray[np.uint8]]
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
        axis.spines[:].set_visible(True)  # a black map would dissolve into a dark page
        axis.set_xlabel(f"{extent}\n{shares[-1]} foreground", fontsize=9)
    notes = map(" and ".join, zip(shares[: len(maps)], shares[len(maps) :], strict=True))
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a column each: the image, the network's map, "
        "and the map after min-max normalisation; white is foreground. Fraction of pixels "
        f"predicted as foreground before and after: {'; '.join(notes)}."
    )
    return figure
