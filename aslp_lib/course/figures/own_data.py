"""Figures of the synthetic cells, their predictions, and the alphas of the training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from aslp_lib.course.models.microscopy import Cells
from aslp_lib.evaluation.figures.style import BLUE, GREY, ORANGE, new_figure, plain

UNLABELLED_SHADE = "#9DC3E6"


def cells(data: Cells, indices: Sequence[int], maps: Mapping[str, Tensor] | None = None) -> Figure:
    """Show images, masks, true posteriors and predictions, one column per image.

    Args:
        indices: indices of the images.
        maps: label -> (N, 1, S, S) probabilities of all images.
    """
    rows = {
        "image": 0.2 * data.images + 0.4,
        "mask": data.masks,
        "true P(y=1)": data.posterior,
        **(maps or {}),
    }
    figure = new_figure(1.35 * len(indices) + 1.2, 1.4 * len(rows) + 0.2, None)
    grid = figure.subplots(len(rows), len(indices), squeeze=False)
    for axes, (title, values) in zip(grid, rows.items(), strict=True):
        axes[0].set_ylabel(plain(title, 14), fontsize=11)
        for axis, index in zip(axes, indices, strict=True):
            inside = data.labelled[index, 0].numpy()
            picture = np.ma.masked_array(values[index, 0].numpy(), ~inside)
            axis.set_facecolor("black" if title == "image" else UNLABELLED_SHADE)
            axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
    figure.set_label(
        f"{len(indices)} images of cells, a column each; from top to bottom: {', '.join(rows)}. "
        "White is foreground; grey is unsure. Outside the round field of view there is no label "
        "(blue)."
    )
    return figure


def alphas_and_uncertainty(
    levels: NDArray[np.float64],
    margins: NDArray[np.float64],
    doubt: NDArray[np.float64],
    bound: float,
) -> Figure:
    """Plot the alphas of training images: their histogram, and over margin and true uncertainty.

    Args:
        levels: (N,) alphas.
        margins: (N,) mean signed logit margins, in nats.
        doubt: (N,) mean of `min(pi, 1 - pi)` over an image's labelled pixels.
        bound: alpha at which the expected confidence equals the accuracy.
    """
    figure = new_figure(9.6, 3.4, None)
    histogram, *scatters = figure.subplots(1, 3)
    histogram.hist(levels, bins=12, color=BLUE, edgecolor="white")
    histogram.axvline(bound, color=ORANGE, linewidth=2.5, linestyle="--", label="bound")
    histogram.set_xlabel("level alpha", fontsize=11)
    histogram.set_ylabel("images", fontsize=11)
    figure.legend(fontsize=10, loc="outside upper left")
    for axis, (title, values) in zip(
        scatters,
        {"mean margin, nats": margins, "mean true doubt, %": 100 * doubt}.items(),
        strict=True,
    ):
        axis.plot(values, levels, "o", color=BLUE, markeredgecolor="white", markersize=7)
        axis.axhline(bound, color=ORANGE, linewidth=1.5, linestyle="--")
        axis.set_xlabel(title, fontsize=11)
        axis.set_ylabel("level alpha", fontsize=11)
    for axis in (histogram, *scatters):
        axis.tick_params(labelsize=10)
        axis.grid(color=GREY, alpha=0.25)
        axis.set_axisbelow(True)
    figure.set_label(
        f"Levels of {len(levels)} training images, from {levels.min():.3f} to {levels.max():.3f}, "
        f"bound {bound:.3f} (dashed): their histogram, the same over each image's mean margin, and "
        "over its true doubt."
    )
    return figure
