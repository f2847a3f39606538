"""Figures of the three classes: maps, decisions, and promised and delivered areas."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from aslp_lib.course.figures.panels import new_panels, pictures
from aslp_lib.data.nuclei import Nuclei
from aslp_lib.evaluation.figures.style import MARKS, OF_METHODS, ink, legend_below, themed


def maps(dataset: Nuclei, index: int, probabilities: Tensor) -> Figure:
    """Show an image with the labels and the probabilities of each class.

    Args:
        dataset: set of the image.
        index: index of the image in the set.
        probabilities: probabilities of all images, (N, K, H, W).
    """
    p, labels = probabilities[index].numpy(), dataset.labels[index]
    rows = {
        "label": [dataset.crops[index] / 255, *(labels == k for k in range(len(p)))],
        "network": [p.max(axis=0), *p],
    }
    note = (
        "White is 1, black is 0. Labels are black or white; the maps of the network are grey where "
        "classes share the probability, and its confidence is grey there, too."
    )
    return pictures(rows, note, ["image,\nconfidence", *dataset.classes], side=1.6)


def decisions(dataset: Nuclei, index: int, classes: Mapping[str, np.ndarray]) -> Figure:
    """Show an image beside the class of each pixel: boundaries black, interiors grey.

    Args:
        dataset: set of the image.
        index: index of the image in the set.
        classes: title -> the class of each pixel of all images, (N, H, W).
    """
    shades = np.array([1, 0.7, 0])
    row = [dataset.crops[index] / 255, *(shades[maps[index]] for maps in classes.values())]
    note = "Boundaries are black, interiors grey, and the background white."
    return pictures({"": row}, note, ["image", *classes], side=2)


@themed
def areas(
    promised: Mapping[str, Sequence[float]], delivered: Sequence[float], *names: str
) -> Figure:
    """Draw the promised area of each class beside the delivered one, with a panel per class.

    Each axis ends at 1.7 times the delivered area, or at 100, so that relative errors compare.

    Args:
        promised: label -> promised area of each class, in pixels of 100.
        delivered: delivered area of each class.
        names: names of the classes.
    """
    height = 1.1 + 0.35 * len(promised)
    figure, axes = new_panels(len(names), 2.5, height, sharey=True)
    notes = []
    for k, (axis, name) in enumerate(zip(axes, names, strict=True)):
        for row, (area, mark) in enumerate(zip(promised.values(), MARKS, strict=False)):
            axis.plot(area[k], row, mark, color=OF_METHODS["BCE"], ms=9, mec=ink(), zorder=3)
        axis.axvline(delivered[k], color=ink(), linestyle="--", linewidth=1, label="delivered")
        axis.set(title=name, xlim=(0, min(1.7 * delivered[k], 100)), xlabel="area, pixels of 100")
        parts = ", ".join(f"{label} {area[k]:.1f}" for label, area in promised.items())
        notes.append(f"{name}: {parts}, delivered {delivered[k]:.1f}")
    axes[0].set(yticks=range(len(promised)), yticklabels=promised, ylim=(len(promised) - 0.5, -0.5))
    legend_below(figure, axes[0])
    figure.set_label(f"Promised area of each class, in pixels of 100. {'; '.join(notes)}.")
    return figure
