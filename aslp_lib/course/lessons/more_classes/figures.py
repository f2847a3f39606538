"""Figures of the three classes: maps, errors of bins, and five networks."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from aslp_lib.course.figures.panels import new_panels, pictures
from aslp_lib.data.nuclei import Nuclei
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, themed

SHADES = np.array([0, 0.5, 1])
"""Grey of a pixel of background, interior and boundary."""


def maps(dataset: Nuclei, index: int, probabilities: Tensor) -> Figure:
    """Show an image, its label, and the probability of each class.

    Args:
        dataset: set of the image.
        index: index of the image in the set.
        probabilities: probabilities of all images, (N, K, H, W).
    """
    row = [dataset.crops[index] / 255, SHADES[dataset.labels[index]], *probabilities[index].numpy()]
    titles = ["image", "label", *(f"p of the {name}" for name in dataset.classes)]
    note = (
        "In the label, boundaries are white, interiors grey, and the background black. In the maps "
        "of the probabilities, 1 is white and 0 is black."
    )
    return pictures({"": row}, note, titles, side=1.8)


def _directions(axis: Axes, places: Sequence[tuple[float, float]], *names: str) -> None:
    """Write the two directions of error on their sides of zero."""
    for place, name in zip(places, names, strict=True):
        axis.text(*place, name, ha="center", transform=axis.transAxes)


@themed
def errors_of_bins(panels: Mapping[str, ArrayLike], xlabel: str, title: str) -> Figure:
    """Draw promised minus delivered pixels of each of ten bins, on one scale in all panels.

    The title of a panel has the ECE, the sum of the lengths of the bars, and the error of the area,
    the sum of the bars.

    Args:
        panels: label -> promised minus delivered pixels of each bin, in pixels of 100.
        xlabel: name of the probability.
        title: title of the figure.
    """
    figure, axes = new_panels(len(panels), 4.2, 3.9, title, sharey=True)
    notes = []
    for axis, (label, values) in zip(axes, panels.items(), strict=True):
        errors = np.asarray(values, dtype=float)
        axis.bar(np.arange(5, 100, 10), errors, 8, color=GREY)
        axis.axhline(0, color=ink(), linewidth=1)
        axis.set(xlabel=xlabel, xticks=range(0, 101, 20))
        axis.set_title(f"{label}\nECE {abs(errors).sum():.1f}, area {errors.sum():+.1f}")
        heights = ", ".join(f"{error:+z.1f}" for error in errors)
        notes.append(f"{label}: {heights}; ECE {abs(errors).sum():.1f}, area {errors.sum():+.1f}")
    axes[0].set_ylabel("promised − delivered,\npixels of 100")
    _directions(axes[0], [(0.6, 0.93), (0.45, 0.2)], "promised too much", "promised too little")
    figure.set_label(
        f"{title}: promised minus delivered pixels of 100 in ten bins of the {xlabel}. "
        f"{'. '.join(notes)}."
    )
    return figure


@themed
def networks(panels: Mapping[str, Mapping[str, ArrayLike]], title: str) -> Figure:
    """Draw a quantity of several networks, a dot each, and their mean, on one scale.

    Args:
        panels: name of the quantity -> label -> its value for each network, in pixels of 100.
        title: title of the figure.
    """
    rows = max(map(len, panels.values()))
    figure, axes = new_panels(len(panels), 3.4, 1.7 + 0.5 * rows, title, sharex=True, sharey=True)
    notes = []
    for axis, (name, lines) in zip(axes, panels.items(), strict=True):
        sign = "+" if min(np.min(values) for values in lines.values()) < 0 else ""
        for row, (label, values) in enumerate(lines.items()):
            numbers = np.asarray(values, dtype=float)
            at = row + np.linspace(-0.12, 0.12, len(numbers))  # so that equal values stand apart
            axis.plot(numbers, at, "o", color=OF_METHODS["BCE"], ms=6, alpha=0.7)
            axis.plot([numbers.mean()] * 2, [row - 0.25, row + 0.25], color=ink(), linewidth=2)
            mean = f"{numbers.mean():{sign}z.1f}".replace("+0.0", "0").replace("-", "−")
            axis.text(
                numbers.mean(), row - 0.3, mean, ha="center", fontsize=9,
                bbox={"color": axis.get_facecolor(), "pad": 0.5},
            )  # fmt: skip
            notes.append(
                f"{' '.join(name.split())}, {label}: {numbers.min():z.1f} to {numbers.max():z.1f}, "
                f"mean {mean}"
            )
        axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
        axis.set(title=name, xlabel="pixels of 100")
        axis.margins(x=0.15)  # room for the numbers
    labels = [*next(iter(panels.values()))]
    axes[0].set(yticks=range(rows), yticklabels=labels, ylim=(rows - 0.5, -0.7))
    figure.set_label(f"{title}, in pixels of 100. {'; '.join(notes)}.")
    return figure
