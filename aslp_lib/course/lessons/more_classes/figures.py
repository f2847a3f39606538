"""Figures of the three classes: maps, errors of bins, and several networks."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import Tensor

from aslp_lib.course.figures.panels import new_panels, pictures
from aslp_lib.data.nuclei import Nuclei
from aslp_lib.evaluation.figures.style import GREY, directions, ink, themed

SHADES = np.array([0, 0.5, 1])
"""Grey of a pixel of background, interior and boundary."""


def maps(dataset: Nuclei, index: int, probabilities: Tensor) -> Figure:
    """Show an image, its label with two and with three classes, and the boundary's probability.

    Args:
        dataset: set of the image.
        index: index of the image in the set.
        probabilities: probabilities of all images, (N, K, H, W).
    """
    label = dataset.labels[index]
    row = {
        "image": dataset.crops[index] / 255,
        "label of two classes\n(nucleus: white)": np.where(label > 0, 1.0, 0.0),
        "label of three classes\n(boundary white, interior grey)": SHADES[label],
        "probability of the boundary\n(0 black, 1 white)": probabilities[index, 2].numpy(),
    }
    note = "The background is black."
    return pictures({"": [*row.values()]}, note, [*row], side=2.3)


@themed
def errors_of_bins(panels: Mapping[str, ArrayLike], xlabel: str, title: str) -> Figure:
    """Draw promised minus delivered pixels of each of ten bins, on one scale in all panels.

    A bar of too much is orange, one of too little blue, and each panel has both sums. Its title
    has the sum of the bars without their signs, which is the ECE, and with them, which is the error
    of the area.

    Args:
        panels: label -> promised minus delivered pixels of each bin, in pixels of 100.
        xlabel: name of the probability.
        title: title of the figure.
    """
    figure, axes = new_panels(len(panels), 4.2, 4.1, title, sharey=True)
    notes = []
    for axis, (label, values) in zip(axes, panels.items(), strict=True):
        errors = np.asarray(values, dtype=float)
        colours = [directions()[int(error < 0)] for error in errors]
        axis.bar(np.arange(5, 100, 10), errors, 8, color=colours)
        axis.axhline(0, color=ink(), linewidth=1)
        axis.set(xlabel=xlabel, xticks=range(0, 101, 20))
        ece, area = f"ECE: {abs(errors).sum():.1f}", f"error of the area: {errors.sum():+.1f}"
        axis.set_title(f"{label}\nsum without signs, the {ece}\nsum with signs, the {area}")
        sums = errors.clip(min=0).sum(), (-errors).clip(min=0).sum()
        for y, word, total, colour in zip(
            (0.93, 0.2), ("much", "little"), sums, directions(text=True), strict=True
        ):
            axis.text(
                0.45, y, f"promised too {word}: {total:.1f}",
                ha="center", color=colour, transform=axis.transAxes,
            )  # fmt: skip
        heights = ", ".join(f"{error:+z.1f}" for error in errors)
        notes.append(f"{label}: {heights}; {ece}, {area}")
    axes[0].set_ylabel("promised − delivered,\npixels of 100")
    figure.set_label(
        f"{title}: promised minus delivered pixels of 100 in ten bins of the {xlabel}. "
        f"{'. '.join(notes)}."
    )
    return figure


@themed
def networks(panels: Mapping[str, Mapping[str, ArrayLike]], title: str, delivered: float) -> Figure:
    """Draw quantities of several networks, a line each, over recalibrations and on one scale.

    Args:
        panels: name of the quantity -> recalibration -> its value for each network, in pixels of
            100; the first network is that of the lesson.
        title: title of the figure.
        delivered: delivered area, a line of reference in all panels but the first, of the ECE.
    """
    figure, axes = new_panels(len(panels), 3.6, 4.0, title, sharey=True)
    notes = []
    for axis, (name, of_labels) in zip(axes, panels.items(), strict=True):
        numbers = np.array([*of_labels.values()], dtype=float)
        axis.plot(numbers[:, 1:], "o-", color=GREY, ms=4, linewidth=1, alpha=0.5)
        axis.plot(numbers[:, 0], "o-", color=ink(), ms=6, linewidth=2)
        if axis is not axes[0]:
            axis.axhline(delivered, color=ink(), linewidth=0.8)
            above = numbers[1:].mean() < delivered
            axis.annotate(
                f"delivered: {delivered:.1f}", (1, delivered), (0, 12 if above else -6),
                textcoords="offset points", ha="center", va="bottom" if above else "top",
            )  # fmt: skip
        axis.set(title=name, xticks=range(len(of_labels)), xlim=(-0.4, len(of_labels) - 0.6))
        axis.set_xticklabels([label.replace(" ", "\n") for label in of_labels])
        ends = zip(of_labels, numbers.min(axis=1), numbers.max(axis=1), strict=True)
        ranges = (f"{label} {low:.1f} to {high:.1f}" for label, low, high in ends)
        notes.append(f"{name}: {', '.join(ranges)}")
    others, of_lesson = axes[0].lines[-2:]
    axes[0].legend([of_lesson, others], ["the network of this lesson", "other networks"], loc=1)
    axes[0].set_ylim(0, 12.5)
    axes[0].set_ylabel("pixels of 100")
    figure.set_label(
        f"{title}, in pixels of 100. {'; '.join(notes)}. Delivered: {delivered:.1f} pixels of 100."
    )
    return figure
