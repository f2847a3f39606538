"""Figures of simulated doses, of maps before and after normalisation, and of overlapping bins."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures import alphas_over_epochs
from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.course.lessons.release.bins import Spans
from aslp_lib.course.simulation import Trace
from aslp_lib.data.image_set import ImageSet
from aslp_lib.evaluation.figures.style import GREY, ink, legend_below, themed
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


@themed
def overlapping_bins(spans: Spans, title: str) -> Figure:
    """Draw the confidences of each bin as a bar, in which the part that it shares is hatched.

    The number beside a bar is the share of the pixels that the bin counts.
    """
    bins = np.arange(1, len(spans.high) + 1)
    figure, (axis,) = new_panels(1, 6.4, 1.2 + 0.3 * len(bins), title)
    low = np.maximum(spans.low, 0.5)  # the first bin begins at 0, but a confidence is at least 1/2
    start = np.append(0.5, spans.high[:-1])
    look: dict[str, Any] = {"edgecolor": ink(), "linewidth": 0.8}
    label = "pixels of the bin itself"
    axis.barh(bins, spans.high - start, left=start, color=GREY, label=label, **look)
    label = "pixels of the bin before"
    axis.barh(bins, start - low, left=low, color="none", hatch="///", label=label, **look)
    for number, pixels in zip(bins, spans.pixels, strict=True):
        axis.text(1.01, number, f"{100 * pixels / spans.total:.0f} %", va="center")
    axis.set(xlim=(0.5, 1.06), ylim=(len(bins) + 0.6, 0.4), yticks=bins, ylabel="bin")
    total = f"{100 * spans.times_counted:.0f} % in all"
    label = f"confidence\n(right: share of the pixels that a bin counts, {total})"
    axis.set(xticks=np.linspace(0.5, 1, 6), xlabel=label)
    legend_below(figure, axis)
    figure.set_label(
        f"{title}: the confidences of each of {len(bins)} bins. Each after the first also counts "
        f"pixels of the one before, so that a pixel is counted {spans.times_counted:.1f} times on "
        "average."
    )
    return figure
