"""Figures of the synthetic cells, and of the alphas of their training images."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.course.lessons.own_data.microscopy import Cells
from aslp_lib.evaluation.figures.style import BLUE, ORANGE, ink, themed

UNLABELLED_SHADE = "#9DC3E6"


@themed
def cells(data: Cells, indices: Sequence[int]) -> Figure:
    """Show images, masks and true posteriors, one column per image.

    Args:
        indices: indices of the images.
    """
    rows = {"image": 0.2 * data.images + 0.4, "mask": data.masks, "true P(y=1)": data.posterior}
    chosen = list(indices)
    outside = ~data.labelled[chosen, 0].numpy()
    figure, grid = picture_grid(
        {name: np.ma.masked_array(values[chosen, 0], outside) for name, values in rows.items()}, 1.4
    )
    for axis in grid.flat:
        axis.set_facecolor("black" if axis in grid[0] else UNLABELLED_SHADE)
    figure.set_label(
        f"{len(chosen)} images of cells, one column each; from top to bottom: {', '.join(rows)}. "
        "White is foreground, and the grey level is the probability. Pixels outside the round "
        "field of view have no label (blue)."
    )
    return figure


@themed
def alphas_and_uncertainty(
    alphas: NDArray[np.float64],
    margins: NDArray[np.float64],
    uncertainty: NDArray[np.float64],
    bound: float,
) -> Figure:
    """Plot the alphas of training images over their mean margin and over their true uncertainty.

    Args:
        alphas: (N,) perturbation levels.
        margins: (N,) mean signed logit margins, in nats.
        uncertainty: (N,) mean of `min(pi, 1 - pi)` over an image's labelled pixels.
        bound: alpha at which the expected confidence of the targets equals the accuracy.
    """
    figure, axes = new_panels(2, 4, 3.4, f"Alphas of {len(alphas)} training images")
    quantities = {
        "mean signed margin, nats": margins,
        "mean true uncertainty, %": 100 * uncertainty,
    }
    for axis, (name, values) in zip(axes, quantities.items(), strict=True):
        axis.plot(values, alphas, "o", color=BLUE, markeredgecolor=ink(), markersize=7)
        axis.axhline(bound, color=ORANGE, linewidth=2, linestyle="--", label="bound of MC")
        axis.set(xlabel=name, ylabel="perturbation level alpha", ylim=(0, 1.2 * max(alphas)))
    axes[0].legend(fontsize=9, loc="lower right")
    figure.set_label(
        f"Perturbation levels of {len(alphas)} training images, from {alphas.min():.2f} to "
        f"{alphas.max():.2f}, with the bound of MC at {bound:.2f} (dashed), over the mean signed "
        "margin and over the true uncertainty of each image."
    )
    return figure
