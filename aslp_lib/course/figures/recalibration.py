"""Figures of recalibration and early stopping: NLL over T, scores by set, and fitted parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.data.base import SaliencySet
from aslp_lib.evaluation.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    ink,
    legend_below,
    line_widths,
    looks,
    plain,
    themed,
)
from aslp_lib.experiments.seed_statistics import Difference
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.recalibration import Temperature

TEMPERATURES = np.geomspace(0.5, 8, 97)
"""Temperatures of the curves; 1 is among them."""


@themed
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
        notes.append(f"{label}: minimum {least:.2f} at T = {best:.1f}, {at_one:.2f} at T = 1")
    axis.axvline(1, color=ink(), linestyle=":", linewidth=1)
    axis.set(
        xscale="log", xlabel="temperature T", ylabel="NLL, nats per pixel", ylim=(0, None),
        xticks=(0.5, 1, 2, 4, 8), xticklabels=("0.5", "1", "2", "4", "8"),
    )  # fmt: skip
    axis.minorticks_off()
    axis.legend(fontsize=9)
    figure.set_label(f"{title}, for temperatures from 0.5 to 8. {'; '.join(notes)}.")
    return figure


def _nll(counts: Counts, temperatures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the mean negative log-likelihood at each temperature, in nats per pixel."""
    logits = grey_level_logits(counts.grey_levels)
    margins = np.concatenate([-logits, logits])  # background, then foreground
    pixels = counts.pooled.ravel()
    return np.logaddexp(0, -margins / temperatures[:, None]) @ pixels / pixels.sum()


@themed
def errors_by_set(errors: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """Plot the ECE on each set, with a row per set and a marker per method.

    Args:
        errors: method -> set -> ECE in [0, 1]; every method has the same sets.
    """
    sets = list(next(iter(errors.values())))
    figure, (axis,) = new_panels(1, 6.8, 1.3 + 0.45 * len(sets))
    rows = np.arange(len(sets))
    largest = 100 * max(max(ece.values()) for ece in errors.values())
    axis.hlines(rows, 0, largest, color=GREY, linewidth=0.5)
    sizes = line_widths(len(errors))
    for (label, ece), (colour, _, mark), size in zip(errors.items(), looks(), sizes, strict=False):
        axis.plot(
            [100 * ece[name] for name in sets], rows, mark, color=colour, label=plain(label, 30),
            markersize=3 + 3.5 * size, markeredgecolor="black", markeredgewidth=0.6,
        )  # fmt: skip
    axis.set(title=plain(title, 60), xlabel="ECE, %", yticks=rows, yticklabels=sets)
    # The limit on the left leaves room for the marks at 0.
    axis.set(xlim=(-0.04 * largest, None), ylim=(len(sets) - 0.5, -0.5))
    legend_below(figure, axis)
    notes = [
        f"{name}: " + ", ".join(f"{label} {100 * ece[name]:.0f} %" for label, ece in errors.items())
        for name in sets
    ]
    figure.set_label(f"{title}. ECE on {'; on '.join(notes)}.")
    return figure


@themed
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
    for axis, name in ((left, "%"), (right, "NLL, nats per pixel")):
        axis.axvline(best, color=ink(), linestyle=":", label=f"weights kept: epoch {best}")
        axis.set(xlabel="epoch", ylabel=f"validation, {name}")
        axis.legend()
    stop, last = log[best - 1], log[-1]
    figure.set_label(
        f"{title}. Accuracy and confidence are {100 * stop['accuracy']:.0f} % and "
        f"{100 * stop['confidence']:.0f} % at epoch {best}, whose weights are kept, and "
        f"{100 * last['accuracy']:.0f} % and {100 * last['confidence']:.0f} % at epoch {len(log)}."
    )
    return figure


@themed
def image_temperatures(
    dataset: SaliencySet,
    indices: Sequence[int],
    maps: Mapping[str, Sequence[NDArray[np.uint8]]],
    temperatures: NDArray[np.float64],
) -> Figure:
    """Show images, labels, predicted maps and image-wise temperatures, a column per image.

    Args:
        indices: indices of the images in the set.
        maps: label -> (H, W) maps of these images.
        temperatures: (images, 2) T of the predicted foreground and of the predicted background.
    """
    rows: dict[str, Sequence[np.ndarray]] = {
        "image": [dataset.load(index)[0].permute(1, 2, 0).numpy() for index in indices],
        "label": [255 * dataset.mask(index) for index in indices],
        **maps,
    }
    figure, grid = picture_grid(rows, 1.5, white=255)
    for axis, (foreground, background) in zip(grid[-1], temperatures, strict=True):
        axis.set_xlabel(f"T = {foreground:.1f} inside,\n{background:.1f} outside", fontsize=9)
    notes = [f"{foreground:.1f} and {background:.1f}" for foreground, background in temperatures]
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a column each: {', '.join(rows)}. White is "
        "foreground; grey pixels have a low confidence. T of the predicted foreground and of the "
        f"predicted background, from left to right: {'; '.join(notes)}."
    )
    return figure


@themed
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
