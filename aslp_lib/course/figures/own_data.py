"""Figures of the synthetic cells, their predictions, and the alphas of the training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.course.models.microscopy import Cells
from aslp_lib.evaluation.figures.style import BLUE, ORANGE

UNLABELLED_SHADE = "#9DC3E6"


def cells(data: Cells, indices: Sequence[int], maps: Mapping[str, Tensor] | None = None) -> Figure:
    """Show images, masks, true posteriors and predictions, one column per image.

    Args:
        indices: indices of the images.
        maps: label -> (N, 1, S, S) probabilities of all images.
    """
    rows = {"image": 0.2 * data.images + 0.4, "mask": data.masks, "true P(y=1)": data.posterior}
    rows |= maps or {}
    chosen = list(indices)
    outside = ~data.labelled[chosen, 0].numpy()
    figure, grid = picture_grid(
        {name: np.ma.masked_array(values[chosen, 0], outside) for name, values in rows.items()}, 1.4
    )
    for axis in grid.flat:
        axis.set_facecolor("black" if axis in grid[0] else UNLABELLED_SHADE)
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
    figure, (histogram, *scatters) = new_panels(3, 3.1, 3.4)
    histogram.hist(levels, bins=12, color=BLUE, edgecolor="white")
    histogram.axvline(bound, color=ORANGE, linewidth=2.5, linestyle="--", label="bound")
    histogram.set(xlabel="perturbation level alpha", ylabel="images")
    figure.legend(fontsize=10, loc="outside upper left")
    quantities = {"mean margin, nats": margins, "mean true uncertainty, %": 100 * doubt}
    for axis, (name, values) in zip(scatters, quantities.items(), strict=True):
        axis.plot(values, levels, "o", color=BLUE, markeredgecolor="white", markersize=7)
        axis.axhline(bound, color=ORANGE, linewidth=1.5, linestyle="--")
        axis.set(xlabel=name, ylabel="perturbation level alpha")
    figure.set_label(
        f"Levels of {len(levels)} training images, from {levels.min():.3f} to {levels.max():.3f}, "
        f"bound {bound:.3f} (dashed): their histogram, the same over each image's mean margin, and "
        "over its true doubt."
    )
    return figure
