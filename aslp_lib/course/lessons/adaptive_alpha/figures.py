"""Figure of the evidence for an alpha."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import OF_METHODS, ink, legend_below, themed


@themed
def evidence(panels: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Plot the measured overconfidence of BCE on each image over the true one.

    Args:
        panels: title -> (images,) true and (images,) measured overconfidence, in points.
    """
    figure, axes = new_panels(len(panels), 3.9, 3.7, sharex=True, sharey=True)
    notes = []
    for axis, (title, (true, measured)) in zip(axes, panels.items(), strict=True):
        style = {"markersize": 4, "alpha": 0.5, "markeredgewidth": 0}
        axis.plot(true, measured, "o", color=OF_METHODS["BCE"], label="image", **style)
        axis.plot([0, 60], [0, 60], "--", color=ink(), linewidth=1, label="measured = true")
        means = f"mean measured {measured.mean():z.0f}, true {true.mean():.0f}".replace("-", "−")
        axis.set(xlabel="true overconfidence, points", title=f"{title}\n{means}")
        notes.append(f"{title}, {means}, standard deviation {np.std(measured - true):.0f}")
    axes[0].set(ylabel="measured overconfidence, points")
    legend_below(figure, axes[0])
    figure.set_label(
        "Measured over true overconfidence of BCE in points, a dot per image, with the standard "
        f"deviation of their difference. {'; '.join(notes)}."
    )
    return figure
