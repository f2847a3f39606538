"""Figures of the audit: its verdict and memorised maps."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import picture_grid
from aslp_lib.course.figures.trial import primary_contrasts
from aslp_lib.course.trial import Effect
from aslp_lib.evaluation.figures.style import themed


def verdict(families: Mapping[str, Mapping[str, Effect | None]]) -> Figure:
    """Draw the primary family in words as a forest plot.

    Args:
        families: name of the data set -> its primary family, see `audit.primary`.
    """
    in_lines = {
        name: {label.replace(" against ", "\nagainst "): change for label, change in family.items()}
        for name, family in families.items()
    }
    figure = primary_contrasts(in_lines)
    figure.set_size_inches(10.4, 6.4)
    figure.set_label(str(figure.get_label()).replace("\n", " "))
    return figure


@themed
def memorised_maps(rows: Mapping[str, Sequence[NDArray[np.generic]]]) -> Figure:
    """Draw images in columns: each with its label and with the maps of the networks.

    Args:
        rows: name of a row -> its pictures, (H, W, 3) or (H, W) with values in [0, 1].
    """
    figure, grid = picture_grid(rows, 1.25)
    for axis in grid.flat:
        axis.spines[:].set_visible(True)  # a white map would dissolve into a white page
    count = len(next(iter(rows.values())))
    figure.set_label(
        f"{count} training images with an inverted label map; rows: {', '.join(rows)}."
    )
    return figure
