"""Figures of switched targets, and of maps before and after they are stretched."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.data.image_set import ImageSet
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, themed
from aslp_lib.maps.write import min_max


@themed
def switched_targets(panels: Mapping[str, ArrayLike], title: str) -> Figure:
    """Draw the target of a foreground pixel in each epoch, with its mean, on one scale.

    Args:
        panels: label -> the target in each epoch.
        title: title of the figure.
    """
    figure, axes = new_panels(len(panels), 4.2, 3, title, sharey=True)
    notes = []
    for axis, (label, values) in zip(axes, panels.items(), strict=True):
        targets = np.asarray(values, dtype=float)
        mean, epochs = targets.mean(), np.arange(1, len(targets) + 1)
        axis.axhspan(-1.3, -0.07, color=GREY, alpha=0.25, linewidth=0)
        axis.plot(epochs, targets, "o", color=OF_METHODS["ASLP"], ms=5, clip_on=False)
        axis.axhline(mean, color=ink(), linestyle="--", linewidth=1)
        axis.text(epochs[-1], mean - 0.06, f"mean {mean:.1f}", ha="right", va="top")
        axis.set(title=label, xlabel="epoch", ylim=(-1.3, 1.2))
        perturbed = targets < 1
        notes.append(
            f"{label}: 1, but {targets[perturbed][0]:.0f} in {perturbed.sum()} of {len(targets)} "
            f"epochs, mean {mean:.1f}"
        )
    axes[0].set_ylabel("target of a foreground pixel")
    axes[0].text(1, -0.65, "no probability", va="center")
    figure.set_label(f"{title}. {'; '.join(notes)}.")
    return figure


@themed
def stretched_maps(
    dataset: ImageSet, indices: Sequence[int], maps: Sequence[NDArray[np.uint8]]
) -> Figure:
    """Show images, their maps, and the stretched maps, one column per image.

    Args:
        indices: indices of the images in the set.
        maps: their (H, W) maps.
    """
    images = [dataset.load(index)[0].permute(1, 2, 0).numpy() for index in indices]
    stretched = [min_max(grey_map) for grey_map in maps]
    figure, grid = picture_grid({"image": images, "map": maps, "stretched": stretched}, 1.6, 255)
    for axis in grid.flat:
        axis.spines[:].set_visible(True)  # a black map would dissolve into a dark page
    shares = []
    for axis, values in zip(grid[1:].flat, (*maps, *stretched), strict=True):
        shares.append(f"{100 * (values >= 128).mean():.0f} %")
        extent = f"{values.min() / 255:.2f} to {values.max() / 255:.2f}"
        axis.set_xlabel(f"{extent}\n{shares[-1]} foreground", fontsize=9)
    notes = map(" and ".join, zip(shares[: len(maps)], shares[len(maps) :], strict=True))
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a column each: the image, the network's map, "
        "and the stretched map; white is foreground. Fraction of pixels "
        f"predicted as foreground before and after: {'; '.join(notes)}."
    )
    return figure
