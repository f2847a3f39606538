"""Figures of moved targets, and of maps before and after they are stretched."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import picture_grid
from aslp_lib.data.image_set import ImageSet
from aslp_lib.evaluation.figures.style import themed


@themed
def moves_by_option(options: Sequence[float], lines: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how far one step of alpha moves the expected target, over the option --beta.

    Args:
        options: values of --beta.
        lines: name of the formula -> the moves, relative to that of hard inversion in the paper.
    """
    return curves(
        options,
        {"move of the expected target\n(the paper's hard inversion: 1; log scale)": lines},
        "--beta (0.5: moderation, 1: hard inversion, 2: the default; log scale)",
        "The release is right at one setting only",
        solid=True,
        xscale="log",
        yscale="log",
        xticks=options,
        yticks=[1 / 4, 1, 4],
    )


@themed
def stretched_maps(
    dataset: ImageSet, examples: Mapping[int, tuple[NDArray[np.floating], NDArray[np.floating]]]
) -> Figure:
    """Show images, their maps, and the stretched maps, one column per image.

    Args:
        examples: index of an image in the set -> its (H, W) map of probabilities, and the stretched
            map.
    """
    images = [dataset.load(index)[0].permute(1, 2, 0).numpy() for index in examples]
    maps, stretched = zip(*examples.values(), strict=True)
    figure, grid = picture_grid({"image": images, "map": maps, "stretched": stretched}, 1.6)
    for axis in grid.flat:
        axis.spines[:].set_visible(True)  # a black map would dissolve into a dark page
    shares = []
    for axis, f in zip(grid[1:].flat, (*maps, *stretched), strict=True):
        shares.append(f"{100 * (f >= 0.5).mean():.0f} %")
        axis.set_xlabel(f"{f.min():.2f} to {f.max():.2f}\n{shares[-1]} foreground", fontsize=9)
    notes = map(" and ".join, zip(shares[: len(maps)], shares[len(maps) :], strict=True))
    figure.set_label(
        f"{len(images)} images of {dataset.name}, a column each: the image, the network's map, "
        "and the stretched map; white is foreground. Fraction of pixels "
        f"predicted as foreground before and after: {'; '.join(notes)}."
    )
    return figure
