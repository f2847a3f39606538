"""Several methods in one picture, from counts of the same set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aslp_lib.evaluation.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    draw_legend,
    legend_below,
    line_widths,
    looks,
    new_figure,
    plain,
)
from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.bootstrap import reliability_interval
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.counts import Counts

WIDEST = 60
"""Characters of a line of a legend."""


def reliability_overlay(methods: Mapping[str, Counts], title: str, bins: int = BINS) -> Figure:
    """Confidence less accuracy of each bin, a line a method, with 95 % intervals over images.

    Above the dashed line a method is over-confident. The size of a mark grows with the bin's share
    of all pixels. Below, where there are several: the same less the first method's, on its own
    scale, which tells near-equal ones apart.
    """
    several = len(methods) > 1
    figure = new_figure(6.4, 5.4 if several else 4.0, f"Confidence less accuracy, {title}")
    rows = 2 if several else 1
    ratios = (3, 2)[:rows]
    axis, *below = figure.subplots(rows, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    tables = {label: calibration.reliability(counts, bins) for label, counts in methods.items()}
    reference, first = next(iter(tables.items()))
    shade = 0.4 / (1 + len(methods))  # of bands that lie over one another
    notes = []
    for (label, table), (colour, line, mark), width in zip(
        tables.items(), looks(), line_widths(len(methods)), strict=False
    ):
        x, y = 100 * table.confidence, 100 * (table.confidence - table.accuracy)
        axis.plot(x, y, line, color=colour, linewidth=width)
        sizes = 15 + 250 * table.share
        axis.scatter(x, y, s=sizes, marker=mark, color=colour, edgecolor="white")
        if len(methods[label]) > 1:
            low, high = reliability_interval(methods[label], bins)
            axis.fill_between(x, x - 100 * high, x - 100 * low, color=colour, alpha=shade)
        for lower in below:
            change = y - 100 * (first.confidence - first.accuracy)
            lower.plot(x, change, line, color=colour, linewidth=width, marker=mark, markersize=5)
        worst = int(np.argmax(np.abs(table.gap) * table.share))
        notes.append(
            f"{label} errs most where it is {x[worst]:.0f} % sure, by {y[worst]:+.0f} points"
        )
    axis.axhline(0, linestyle="--", color="black", linewidth=1)
    axis.set(ylabel="confidence - accuracy, points")
    for lower in below:
        lower.set_ylabel(f"less that of\n{plain(reference, 24)}")
    (*_, last) = axis, *below
    last.set_xlabel("mean confidence of the bin, %")
    _legend(figure, list(methods), marks=True)
    figure.set_label(
        f"Confidence less accuracy over confidence in {bins} bins, {title}, weighted by pixels: "
        f"{'; '.join(notes)}."
    )
    return figure


def detection_curves(methods: Mapping[str, Counts], title: str) -> Figure:
    """Precision over recall, and true over false positive rate, of pooled pixels.

    Args:
        methods: label -> counts of the same set.
    """
    figure = new_figure(7.2, 3.7, f"Finding the foreground, {title}")
    left, right = figure.subplots(1, 2)
    notes = []
    for (label, counts), (colour, line, _), width in zip(
        methods.items(), looks(), line_widths(len(methods)), strict=False
    ):
        precision, recall = saliency.precision_recall(counts)
        left.plot(recall, precision, line, color=colour, linewidth=width)
        right.plot(*saliency.roc(counts), line, color=colour, linewidth=width)
        areas = saliency.average_precision(counts), saliency.auc(counts)
        notes.append(f"{label}: AP {areas[0]:.2f}, AUC {areas[1]:.2f}")
    for axis in (left, right):
        axis.set(xlim=(0, 1), ylim=(0, 1.02))
    left.set(xlabel="recall", ylabel="precision")
    right.plot([0, 1], [0, 1], ":", color=GREY)
    right.set(xlabel="false positive rate", ylabel="true positive rate")
    _legend(figure, notes)
    figure.set_label(f"Precision-recall and ROC curves, {title}. {'; '.join(notes)}.")
    return figure


def _legend(figure: Figure, labels: Sequence[str], *, marks: bool = False) -> None:
    """Which look is whose, under the axes: over them it would hide curves."""
    handles = [
        Line2D([], [], color=colour, linestyle=line, marker=mark if marks else None)
        for _, (colour, line, mark) in zip(labels, looks(), strict=False)
    ]
    # A character takes 0.08 inches, a line with its room 0.7.
    widest = 0.7 + 0.08 * max(min(len(label), WIDEST) for label in labels)
    draw_legend(figure, handles, [plain(each, WIDEST) for each in labels], widest, handlelength=3.5)


def image_scatter(methods: Mapping[str, Counts], title: str) -> Figure:
    """Mean confidence against accuracy: a point an image, all pixels pooled, a panel a method.

    Args:
        methods: label -> counts of the same set.
    """
    figure = new_figure(3.4 * len(methods) + 0.4, 3.8, f"Images, {title}")
    axes = figure.subplots(1, len(methods), sharex=True, sharey=True, squeeze=False)[0]
    notes, least = [], np.array([100.0, 100.0])
    for axis, (label, counts) in zip(axes, methods.items(), strict=True):
        pixels, sure, right = calibration.image_bins(counts, bins=1)
        sure, right = (100 * each[:, 0] / pixels[:, 0] for each in (sure, right))
        least = np.minimum(least, (sure.min(), right.min()))
        axis.scatter(sure, right, s=12, color=BLUE, alpha=0.5, linewidth=0, label="one image")
        pooled = 100 * calibration.confidence(counts), 100 * calibration.accuracy(counts)
        axis.plot(
            *pooled, "D", color=ORANGE, ms=9, markeredgecolor="black", linestyle="none",
            label="all pixels",
        )  # fmt: skip
        axis.plot([0, 100], [0, 100], "--", color="black", linewidth=1, label="calibrated")
        axis.set(xlabel="mean confidence, %")
        axis.set_title(plain(label), fontsize=10)
        notes.append(
            f"{label}: accuracy runs from {right.min():.0f} % to {right.max():.0f} %, confidence "
            f"from {sure.min():.0f} % to {sure.max():.0f} %; surer than right on "
            f"{100 * np.mean(sure > right):.0f} % of the images"
        )
    axes[0].set_ylabel("accuracy, %")
    left, lowest = 5 * np.floor((least - 1) / 5)  # the range that images have, for all panels
    axes[0].set(xlim=(left, 101), ylim=(lowest, 102))
    legend_below(figure, axes[0])
    count = len(next(iter(methods.values())))
    figure.set_label(
        f"Accuracy against mean confidence of each of {count} images, {title}. {'; '.join(notes)}. "
        "Images under the dashed line are over-confident."
    )
    return figure
