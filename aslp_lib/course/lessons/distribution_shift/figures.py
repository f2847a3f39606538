"""NLL and bill of three microscopes over the temperature."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from aslp_lib.course.figures import curves
from aslp_lib.evaluation.figures.style import themed


@themed
def over_temperature(
    temperatures: NDArray[np.float64],
    nll: Mapping[str, ArrayLike],
    paid: Mapping[str, ArrayLike],
    of_validation: float,
) -> Figure:
    """Plot the NLL, up to 2, and the bill of 100 pixels over T.

    Args:
        temperatures: the values of T, from 1/4 to 16.
        nll, paid: microscope -> values, one for each T.
        of_validation: the T of validation, which is marked.
    """
    panels = {"NLL, nats per pixel": nll, "paid for 100 pixels": paid}
    figure = curves(
        temperatures, panels, "temperature T", "One network, three microscopes",
        upright={"T of validation": of_validation}, solid=True,
        xscale="log", xticks=(0.25, 0.5, 1, 2, 4, 8, 16),
    )  # fmt: skip
    figure.axes[0].set(ylim=(0, 2), yticks=(0, 0.5, 1, 1.5, 2))
    return figure
