"""Figures that compare several methods on the same set, drawn from counts."""

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
"""Maximal number of characters in a line of a legend."""


def reliability_overlay(methods: Mapping[str, Counts], title: str, bins: int = BINS) -> Figure:
    """Draw confidence minus accuracy of each bin for every method, with 95 % intervals over images.

    A method is overconfident above the dashed line. The size of a mark grows with the bin's share
    of all pixels. If there are several methods, a second panel shows the difference of each to the
    first on a scale of its own, which separates methods that are nearly equal.

    >>> import numpy as np
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> len(reliability_overlay({"BCE": counts, "ASLP": counts}, "test").axes)
    2

    Args:
        methods: label -> counts of the same set.
        title: name of the set.
        bins: number of bins of equal width.
    """
    several = len(methods) > 1
    figure = new_figure(6.4, 5.4 if several else 4.0, f"Confidence less accuracy, {title}")
    rows = 2 if several else 1
    ratios = (3, 2)[:rows]
    axis, *below = figure.subplots(rows, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    tables = {label: calibration.reliability(counts, bins) for label, counts in methods.items()}
    reference, first = next(iter(tables.items()))
    shade = 0.4 / (1 + len(methods))  # bands that overlap must stay transparent
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
    """Draw the precision-recall curve and the ROC curve of every method, over all pooled pixels.

    >>> import numpy as np
    >>> from aslp_lib.evaluation.figures import alt
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 1, 0, 0]]))
    >>> alt(detection_curves({"BCE": counts}, "test"))
    'Precision-recall and ROC curves, test. BCE: AP 1.00, AUC 1.00.'

    Args:
        methods: label -> counts of the same set.
        title: name of the set.
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
    """Draw the legend of the methods below the axes, where it hides no curve."""
    handles = [
        Line2D([], [], color=colour, linestyle=line, marker=mark if marks else None)
        for _, (colour, line, mark) in zip(labels, looks(), strict=False)
    ]
    # A character takes 0.08 inches; the sample of the line and its margins take 0.7 inches.
    widest = 0.7 + 0.08 * max(min(len(label), WIDEST) for label in labels)
    texts = [plain(label, WIDEST) for label in labels]
    draw_legend(figure, handles, texts, widest, handlelength=3.5)


def image_scatter(methods: Mapping[str, Counts], title: str) -> Figure:
    """Draw mean confidence against accuracy, with a panel per method and a point per image.

    A larger mark shows the mean confidence and the accuracy of all pixels.

    >>> import numpy as np
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> [axis.get_title() for axis in image_scatter({"BCE": counts, "ASLP": counts}, "test").axes]
    ['BCE', 'ASLP']

    Args:
        methods: label -> counts of the same set.
        title: name of the set.
    """
    figure = new_figure(3.4 * len(methods) + 0.4, 3.8, f"Images, {title}")
    axes = figure.subplots(1, len(methods), sharex=True, sharey=True, squeeze=False)[0]
    notes, least = [], np.array([100.0, 100.0])
    for axis, (label, counts) in zip(axes, methods.items(), strict=True):
        pixels, *sums = calibration.image_bins(counts, bins=1)
        confidence, accuracy = (100 * total[:, 0] / pixels[:, 0] for total in sums)
        least = np.minimum(least, (confidence.min(), accuracy.min()))
        axis.scatter(
            confidence, accuracy, s=12, color=BLUE, alpha=0.5, linewidth=0, label="one image"
        )
        pooled = 100 * calibration.confidence(counts), 100 * calibration.accuracy(counts)
        axis.plot(
            *pooled, "D", color=ORANGE, ms=9, markeredgecolor="black", linestyle="none",
            label="all pixels",
        )  # fmt: skip
        axis.plot([0, 100], [0, 100], "--", color="black", linewidth=1, label="calibrated")
        axis.set(xlabel="mean confidence, %")
        axis.set_title(plain(label), fontsize=10)
        notes.append(
            f"{label}: accuracy runs from {accuracy.min():.0f} % to {accuracy.max():.0f} %, "
            f"confidence from {confidence.min():.0f} % to {confidence.max():.0f} %; surer than "
            f"right on {100 * np.mean(confidence > accuracy):.0f} % of the images"
        )
    axes[0].set_ylabel("accuracy, %")
    left, lowest = 5 * np.floor((least - 1) / 5)  # all panels share the range of the images
    axes[0].set(xlim=(left, 101), ylim=(lowest, 102))
    legend_below(figure, axes[0])
    count = len(next(iter(methods.values())))
    figure.set_label(
        f"Accuracy against mean confidence of each of {count} images, {title}. {'; '.join(notes)}. "
        "Images under the dashed line are over-confident."
    )
    return figure
