"""Several methods in one picture, from counts of the same set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import BLUE, GREY, ORANGE, looks, new_figure
from aslp_lib.metrics import calibration, saliency, scores
from aslp_lib.metrics.bootstrap import reliability_interval
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import per_image


def reliability_overlay(methods: Mapping[str, Counts], title: str, bins: int = BINS) -> Figure:
    """Confidence less accuracy of each bin, a line a method, with 95 % intervals over images.

    Above the dashed line a method is over-confident. The size of a mark grows with the bin's share
    of all pixels.
    """
    figure = new_figure(6.4, 4.2, f"Confidence less accuracy, {title}")
    axis = figure.subplots()
    notes = []
    for (label, counts), (colour, line, mark) in zip(methods.items(), looks(), strict=False):
        table = calibration.reliability(counts, bins)
        x, y = 100 * table.confidence, 100 * (table.confidence - table.accuracy)
        axis.plot(x, y, line, color=colour, linewidth=1.2)
        sizes = 15 + 250 * table.share
        axis.scatter(x, y, s=sizes, marker=mark, color=colour, edgecolor="white", label=label)
        if len(counts) > 1:
            low, high = reliability_interval(counts, bins)
            axis.fill_between(x, x - 100 * high, x - 100 * low, color=colour, alpha=0.18)
        worst = int(np.argmax(np.abs(table.gap) * table.share))
        notes.append(
            f"{label} errs most where it is {x[worst]:.0f} % sure, by {y[worst]:+.0f} points"
        )
    axis.axhline(0, linestyle="--", color="black", linewidth=1)
    axis.set(xlabel="mean confidence of the bin, %", ylabel="confidence - accuracy, points")
    axis.legend(fontsize=8)
    figure.set_label(
        f"Confidence less accuracy over confidence in {bins} bins, {title}, weighted by pixels: "
        f"{'; '.join(notes)}."
    )
    return figure


def detection_curves(
    methods: Mapping[str, Counts],
    title: str,
    known: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """Precision over recall, and true over false positive rate, of pooled pixels.

    Args:
        methods: label -> counts of the same set.
        known: label -> its scores by name, if they were computed before.
    """
    figure = new_figure(9.0, 4.0, f"Finding the foreground, {title}")
    left, right = figure.subplots(1, 2)
    rows = known or {label: scores(c, names=("ap", "auc")) for label, c in methods.items()}
    notes = []
    for (label, counts), (colour, line, _) in zip(methods.items(), looks(), strict=False):
        precision, recall = saliency.precision_recall(counts)
        left.plot(recall, precision, line, color=colour, label=label)
        right.plot(*saliency.roc(counts), line, color=colour, label=label)
        notes.append(f"{label}: AP {rows[label]['ap']:.2f}, AUC {rows[label]['auc']:.2f}")
    for axis in (left, right):
        axis.set(xlim=(0, 1), ylim=(0, 1.02))
        axis.legend(fontsize=8, loc="lower left" if axis is left else "lower right")
    left.set(xlabel="recall", ylabel="precision")
    right.plot([0, 1], [0, 1], ":", color=GREY)
    right.set(xlabel="false positive rate", ylabel="true positive rate")
    figure.set_label(f"Precision-recall and ROC curves, {title}. {'; '.join(notes)}.")
    return figure


def image_scatter(
    methods: Mapping[str, Counts],
    title: str,
    known: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
    """Mean confidence against accuracy: a point an image, all pixels pooled, a panel a method.

    Args:
        methods: label -> counts of the same set.
        known: label -> its scores by name, if they were computed before.
    """
    figure = new_figure(3.4 * len(methods) + 0.4, 3.8, f"Images, {title}")
    axes = figure.subplots(1, len(methods), sharex=True, sharey=True, squeeze=False)[0]
    names = ("confidence", "accuracy")
    rows = known or {label: scores(counts, names=names) for label, counts in methods.items()}
    notes = []
    for axis, (label, counts) in zip(axes, methods.items(), strict=True):
        sure = 100 * per_image(counts, calibration.confidence)
        right = 100 * per_image(counts, calibration.accuracy)
        axis.scatter(sure, right, s=12, color=BLUE, alpha=0.5, linewidth=0, label="one image")
        pooled = 100 * rows[label]["confidence"], 100 * rows[label]["accuracy"]
        axis.plot(
            *pooled, "D", color=ORANGE, ms=9, markeredgecolor="black", linestyle="none",
            label="all pixels",
        )  # fmt: skip
        axis.plot([0, 100], [0, 100], "--", color="black", linewidth=1, label="calibrated")
        axis.set(xlim=(50, 101), ylim=(0, 102), xlabel="mean confidence, %", title=label)
        notes.append(
            f"{label}: accuracy runs from {right.min():.0f} % to {right.max():.0f} %, confidence "
            f"from {sure.min():.0f} % to {sure.max():.0f} %; surer than right on "
            f"{100 * np.mean(sure > right):.0f} % of the images"
        )
    axes[0].set_ylabel("accuracy, %")
    axes[0].legend(fontsize=7, loc="lower left")
    count = len(next(iter(methods.values())))
    figure.set_label(
        f"Accuracy against mean confidence of each of {count} images, {title}. {'; '.join(notes)}. "
        "Images under the dashed line are over-confident."
    )
    return figure
