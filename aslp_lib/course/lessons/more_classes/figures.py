"""Figures of the three classes: maps, decisions, errors of bins, areas, and plans."""

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


def decisions(dataset: Nuclei, index: int, classes: Mapping[str, np.ndarray]) -> Figure:
    """Show an image beside the class of each pixel: boundaries white, interiors grey.

    Args:
        dataset: set of the image.
        index: index of the image in the set.
        classes: title -> the class of each pixel of all images, (N, H, W).
    """
    row = [dataset.crops[index] / 255, *(SHADES[maps[index]] for maps in classes.values())]
    note = "Boundaries are white, interiors grey, and the background black."
    return pictures({"": row}, note, ["image", *classes], side=2)


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
def areas(
    promised: Mapping[str, ArrayLike],
    delivered: ArrayLike,
    names: Sequence[str],
    title: str,
) -> Figure:
    """Draw promised minus delivered area of each class, a bar each, in one group for each label.

    The bars of the last class, the rare one, stand out.

    Args:
        promised: label -> promised area of each class, in pixels of 100.
        delivered: delivered area of each class.
        names: names of the classes.
        title: title of the figure.
    """
    errors = np.array([np.asarray(area) for area in promised.values()]) - np.asarray(delivered)
    classes = len(names)
    rows = (np.arange(len(promised))[:, None] * (classes + 1) + np.arange(classes)).ravel()
    figure, (axis,) = new_panels(1, 7, 0.9 + 0.28 * len(promised) * (classes + 1), title)
    colours = [*[GREY] * (classes - 1), ink()] * len(promised)
    axis.barh(rows, errors.ravel(), 0.8, color=colours)
    axis.axvline(0, color=ink(), linewidth=1)
    for row, error in zip(rows, errors.ravel(), strict=True):
        place = (4 if error > 0 else -4, 0)
        axis.annotate(
            f"{error:+.1f}".replace("-", "−"), (error, row), place, textcoords="offset points",
            ha="left" if error > 0 else "right", va="center", fontsize=9,
        )  # fmt: skip
    end = 1.3 * abs(errors).max()
    axis.set(
        yticks=rows, yticklabels=[*names] * len(promised), xlim=(-end, end),
        xlabel="promised − delivered area, pixels of 100",
    )  # fmt: skip
    axis.set_ylim(rows[-1] + 0.7, -1.6)  # room for the two directions
    axis.tick_params(axis="y", length=0)
    for group, label in zip(rows[classes // 2 :: classes], promised, strict=True):
        axis.text(1.02, group, label, va="center", transform=axis.get_yaxis_transform())
    _directions(axis, [(0.78, 0.95), (0.22, 0.95)], "promised too much", "promised too little")
    parts = [
        f"{' '.join(label.split())}: "
        + ", ".join(f"{name} {e:+.1f}" for name, e in zip(names, row, strict=True))
        for label, row in zip(promised, errors, strict=True)
    ]
    figure.set_label(f"{title}: promised minus delivered, in pixels of 100. {'; '.join(parts)}.")
    return figure


@themed
def plans(panels: Mapping[str, Mapping[str, ArrayLike]], title: str) -> Figure:
    """Draw plan minus bill of several networks, a dot each, and their mean, on one scale.

    Args:
        panels: name of the set -> label -> plan minus bill of each network, in % of the bill.
        title: title of the figure.
    """
    rows = max(map(len, panels.values()))
    figure, axes = new_panels(len(panels), 3.4, 1.3 + 0.42 * rows, title, sharex=True, sharey=True)
    notes = []
    for axis, (name, lines) in zip(axes, panels.items(), strict=True):
        for row, (label, values) in enumerate(lines.items()):
            errors = np.asarray(values, dtype=float)
            at = row + np.linspace(-0.12, 0.12, len(errors))  # so that equal errors stand apart
            axis.plot(errors, at, "o", color=OF_METHODS["BCE"], ms=6, alpha=0.7)
            axis.plot([errors.mean()] * 2, [row - 0.25, row + 0.25], color=ink(), linewidth=2)
            mean = f"{errors.mean():+.0f} %" if abs(errors.mean()) >= 0.5 else "0 %"
            axis.text(
                errors.mean(), row - 0.3, mean.replace("-", "−"), ha="center", fontsize=9,
                bbox={"color": axis.get_facecolor(), "pad": 0.5},
            )  # fmt: skip
            notes.append(
                f"{name}, {label}: {errors.min():+.0f} to {errors.max():+.0f}, mean {mean}"
            )
        axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
        axis.set(title=name, xlabel="plan − bill, % of the bill")
        axis.margins(x=0.15)  # room for the numbers
    labels = [*next(iter(panels.values()))]
    axes[0].set(yticks=range(rows), yticklabels=labels, ylim=(rows - 0.5, -0.7))
    figure.set_label(f"{title}: plan minus bill, in % of the bill. {'; '.join(notes)}.")
    return figure
