"""Figures of recalibration and early stopping: scores before and after, and fitted parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.data.base import SaliencySet
from aslp_lib.evaluation.figures.style import BLUE, GREY, ORANGE, line_widths, looks, plain
from aslp_lib.experiments.seed_statistics import Difference
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.recalibration import Temperature

TEMPERATURES = np.geomspace(0.5, 8, 97)
"""Temperatures of the curves; 1 is among them."""


def nll_over_temperature(sets: Mapping[str, Counts], title: str) -> Figure:
    """Plot the negative log-likelihood of each set over the temperature, and mark the minima.

    Args:
        sets: label -> counts.
    """
    figure, (axis,) = new_panels(1, 6.2, 4.0, title)
    notes = []
    for (label, counts), (colour, line, mark), width in zip(
        sets.items(), looks(), line_widths(len(sets)), strict=False
    ):
        best = Temperature().fit(counts).value
        at_one, least = _nll(counts, np.array([1.0, best]))
        axis.plot(TEMPERATURES, _nll(counts, TEMPERATURES), line, color=colour, label=label)
        axis.plot(best, least, mark, color=colour, markersize=5 * width, markeredgecolor="black")
        notes.append(f"{label}: least at T = {best:.1f}, {least:.2f} where T = 1 has {at_one:.2f}")
    axis.axvline(1, color="black", linestyle=":", linewidth=1)
    axis.set(
        xscale="log", xlabel="temperature T", ylabel="NLL, nats a pixel", ylim=(0, None),
        xticks=(0.5, 1, 2, 4, 8), xticklabels=("0.5", "1", "2", "4", "8"),
    )  # fmt: skip
    axis.minorticks_off()
    axis.legend(fontsize=9)
    figure.set_label(f"{title}, over temperatures from 0.5 to 8. {'; '.join(notes)}.")
    return figure


def _nll(counts: Counts, temperatures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the mean negative log-likelihood at each temperature, in nats per pixel."""
    logits = grey_level_logits(counts.grey_levels)
    margins = np.concatenate([-logits, logits])  # background, then foreground
    pixels = counts.pooled.ravel()
    return np.logaddexp(0, -margins / temperatures[:, None]) @ pixels / pixels.sum()


def errors_by_set(errors: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """Plot ECE with a row per set and a marker per recalibration method.

    Args:
        errors: method -> set -> ECE as a share; every method has the same sets.
    """
    sets = list(next(iter(errors.values())))
    figure, (axis,) = new_panels(1, 6.8, 1.3 + 0.45 * len(sets))
    rows = np.arange(len(sets))
    largest = 100 * max(max(ece.values()) for ece in errors.values())
    axis.hlines(rows, 0, largest, color="#dddddd")
    sizes = line_widths(len(errors))
    for (label, ece), (colour, _, mark), size in zip(errors.items(), looks(), sizes, strict=False):
        axis.plot(
            [100 * ece[name] for name in sets], rows, mark, color=colour, label=plain(label, 30),
            markersize=3 + 3.5 * size, markeredgecolor="black", markeredgewidth=0.6,
        )  # fmt: skip
    axis.set(title=plain(title, 50), xlabel="ECE, %", yticks=rows, yticklabels=sets)
    # The limit on the left leaves room for the marks at 0.
    axis.set(xlim=(-0.04 * largest, None), ylim=(len(sets) - 0.5, -0.5))
    figure.legend(fontsize=9, loc="outside right upper")
    notes = [
        f"{name}: " + ", ".join(f"{label} {100 * ece[name]:.0f} %" for label, ece in errors.items())
        for name in sets
    ]
    figure.set_label(f"{title}. ECE of {'; of '.join(notes)}.")
    return figure


def early_stop(log: Sequence[Mapping[str, float]], title: str) -> Figure:
    """Plot a training with early stopping: validation accuracy, confidence and NLL over the epochs.

    A vertical line marks the epoch whose weights are kept.

    Args:
        log: rows with "epoch", "accuracy", "confidence", "nll" and "best_epoch".
    """
    figure, (left, right) = new_panels(2, 4, 3.5, title)
    column = {key: np.array([row[key] for row in log]) for key in log[0]}
    epoch, best = column["epoch"], int(log[-1]["best_epoch"])
    left.plot(epoch, 100 * column["confidence"], color=ORANGE, label="confidence")
    left.plot(epoch, 100 * column["accuracy"], "--", color=BLUE, label="accuracy")
    right.plot(epoch, column["nll"], color=BLUE, label="NLL")
    for axis, name in ((left, "%"), (right, "NLL, nats a pixel")):
        axis.axvline(best, color="black", linestyle=":", label=f"kept: epoch {best}")
        axis.set(xlabel="epoch", ylabel=f"validation, {name}")
        axis.legend(fontsize=9)
    stop, last = log[best - 1], log[-1]
    figure.set_label(
        f"{title}. At epoch {best}, whose weights are kept, accuracy is "
        f"{100 * stop['accuracy']:.0f} % and confidence {100 * stop['confidence']:.0f} %; at the "
        f"last, {len(log)}, {100 * last['accuracy']:.0f} % and {100 * last['confidence']:.0f} %."
    )
    return figure


def image_parameters_by_set(levels: Mapping[str, NDArray[np.float64]], title: str) -> Figure:
    """Plot the distribution of an image-wise parameter with a row per set.

    Each row shows the median, the middle half and the 10 to 90 % range.

    Args:
        levels: set -> (images,) parameter of the background of each image.
    """
    figure, (axis,) = new_panels(1, 6.2, 1.4 + 0.4 * len(levels), title)
    medians = []
    for row, parameters in enumerate(levels.values()):
        lowest, low, middle, high, highest = np.quantile(parameters, (0.1, 0.25, 0.5, 0.75, 0.9))
        axis.plot([lowest, highest], [row, row], color=GREY, linewidth=1.5)
        axis.plot([low, high], [row, row], color=BLUE, linewidth=8, solid_capstyle="butt")
        axis.plot(middle, row, "D", color=ORANGE, markeredgecolor="black", markersize=8)
        medians.append(middle)
    axis.set(yticks=range(len(levels)), yticklabels=levels, ylim=(len(levels) - 0.5, -0.5))
    axis.set(xlabel="parameter s", xlim=(0, None))
    figure.set_label(
        f"{title}: the median (diamond), the middle half (bar) and 10 to 90 % (line) of each set. "
        f"The highest median is that of {list(levels)[np.argmax(medians)]}."
    )
    return figure


def image_parameters(
    dataset: SaliencySet,
    indices: Sequence[int],
    maps: Mapping[str, Sequence[NDArray[np.uint8]]],
    levels: NDArray[np.float64],
) -> Figure:
    """Show images, labels, predicted maps and image-wise parameters, one column per image.

    Args:
        indices: indices of the images in the set.
        maps: label -> (H, W) maps of these images.
        levels: (images, 2) parameters of each image's predicted foreground and background.
    """
    rows: dict[str, Sequence[np.ndarray]] = {
        "image": [dataset.load(index)[0].permute(1, 2, 0).numpy() for index in indices],
        "label": [255 * dataset.mask(index) for index in indices],
        **maps,
    }
    figure, grid = picture_grid(rows, 1.5, white=255)
    for axis, (inside, outside) in zip(grid[-1], levels, strict=True):
        axis.set_xlabel(f"s = {outside:.2f} outside,\n{inside:.2f} inside", fontsize=9)
    notes = [f"{outside:.2f} and {inside:.2f}" for inside, outside in levels]
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a column each: {', '.join(rows)}. White is "
        "foreground; the greyer a map, the less sure. Levels of what is predicted as background "
        f"and as foreground, from left to right: {'; '.join(notes)}."
    )
    return figure


def differences(changes: Mapping[str, Difference], title: str, unit: str = "points") -> Figure:
    """Plot paired differences with their 95 % intervals over seeds.

    A marker is filled where the interval excludes zero.

    Args:
        changes: "this - that" -> its difference, as a share.
        unit: unit of the differences multiplied by 100.
    """
    figure, (axis,) = new_panels(1, 7.8, 1.3 + 0.45 * len(changes), title)
    notes = []
    for row, (label, change) in enumerate(changes.items()):
        mean, low, high = (100 * value for value in change[:3])
        colour = ORANGE if mean > 0 else BLUE
        if np.isfinite(high - low):
            axis.plot([low, high], [row, row], color=colour, linewidth=2)
        face = colour if change.excludes_zero else "white"
        axis.plot(mean, row, "o", markeredgecolor=colour, markerfacecolor=face, markersize=9)
        notes.append(f"{label}: {mean:+.1f} [{low:+.1f}, {high:+.1f}]")
    axis.axvline(0, color="black", linestyle="--", linewidth=1)
    axis.set_xlabel(f"difference, {unit}; below 0 the first is better")
    axis.set_yticks(range(len(changes)), [plain(label, 44) for label in changes], fontsize=9)
    axis.set_ylim(len(changes) - 0.5, -0.5)
    figure.set_label(
        f"{title}: means over seeds and 95 % intervals, in {unit}. {'; '.join(notes)}. A mark is "
        "filled where the interval leaves 0 out."
    )
    return figure
