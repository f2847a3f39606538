"""Figures that compare several methods, on the same set or over training."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures import style
from aslp_lib.evaluation.figures.reliability import (
    describe,
    ece_in_parts,
    lowest_confidence,
    name_directions,
)
from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.calibration import Reliability
from aslp_lib.metrics.classes import AnyCounts
from aslp_lib.metrics.counts import Counts

WIDEST = 60
"""Maximal number of characters in a line of a legend."""
MARKER_AREA = 400
"""Area of a marker that stands for all pixels, in square points."""


@style.themed
def calibration_errors(methods: Mapping[str, Reliability], title: str) -> Figure:
    """Draw confidence minus accuracy of each bin for every method, with intervals over images.

    A method is overconfident above the dashed line and underconfident below it. The area of a
    marker is the bin's share of all pixels. Bins of two methods hold different pixels, so that
    their errors may be compared, but not subtracted.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> table = calibration.reliability(counts)
    >>> calibration_errors({"BCE": table}, "test").axes[0].lines[0].get_ydata()[-3:]  # 80 %, 100 %
    array([30., nan,  0.])

    Args:
        methods: label -> reliability table of the same set.
        title: name of the set.
    """
    figure = style.new_figure(6.4, 4.2, "Calibration error", title)
    axis = figure.subplots()
    shade = 0.4 / (1 + len(methods))  # bands that overlap must stay transparent
    for label, table, (colour, line, mark), width in _curves(methods):
        x, y = 100 * table.confidence, 100 * (table.confidence - table.accuracy)
        text = f"{label}: {ece_in_parts(table)}"
        # Only the legend shows these marks: those of the bins have areas of their own.
        look: Any = {"marker": mark, "markevery": [], "label": style.plain(text, WIDEST)}
        axis.plot(x, y, line, color=colour, linewidth=width, **look)
        axis.scatter(x, y, s=10 + MARKER_AREA * table.share, marker=mark, color=colour, linewidth=0)
        if table.low is not None and table.high is not None:
            ends = (x - 100 * end for end in (table.high, table.low))
            axis.fill_between(x, *ends, color=colour, alpha=shade, linewidth=0)
    axis.axhline(0, linestyle="--", color=style.ink(), linewidth=1)
    axis.set(
        xlim=(lowest_confidence(methods.values()), 101),
        xlabel="mean confidence of the bin, % (marker area: share of the pixels)",
        ylabel="confidence − accuracy,\npercentage points",
    )
    axis.margins(y=0.12)  # leaves room for the words
    name_directions(axis)
    _legend(figure, axis)
    notes = [f"{label}: {describe(table)}" for label, table in methods.items()]
    figure.set_label(f"Confidence minus accuracy over confidence, {title}. {'; '.join(notes)}.")
    return figure


@style.themed
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
    figure = style.new_figure(7.2, 3.7, "Detection of the foreground", title)
    left, right = figure.subplots(1, 2)
    notes = []
    for label, counts, (colour, line, _), width in _curves(methods):
        precision, recall = saliency.precision_recall(counts)
        areas = saliency.average_precision(counts), saliency.auc(counts)
        notes.append(f"{label}: AP {areas[0]:.2f}, AUC {areas[1]:.2f}")
        look: Any = {"color": colour, "linewidth": width, "label": style.plain(notes[-1], WIDEST)}
        left.plot(recall, precision, line, **look)
        right.plot(*saliency.roc(counts), line, **look)
    for axis in (left, right):
        axis.set(xlim=(0, 1), ylim=(0, 1.02))
    left.set(xlabel="recall", ylabel="precision")
    right.plot([0, 1], [0, 1], ":", color=style.GREY)
    right.set(xlabel="false positive rate", ylabel="true positive rate")
    _legend(figure, left)
    figure.set_label(f"Precision-recall and ROC curves, {title}. {'; '.join(notes)}.")
    return figure


def _curves(methods: Mapping[str, Any]) -> Iterable[tuple[str, Any, style.Look, float]]:
    """Return label and numbers of each method, with the look and the width of its curve."""
    widths, looks = style.line_widths(len(methods)), style.looks(methods)
    return zip(methods, methods.values(), looks.values(), widths, strict=False)


def _legend(figure: Figure, axis: Axes) -> None:
    """Draw the legend of the methods below the axes, where it hides no curve.

    The figure becomes higher by the lines of the legend.
    """
    handles, labels = axis.get_legend_handles_labels()
    # A character takes 0.08 inches; the sample of the line and its margins take 0.7 inches.
    widest = 0.7 + 0.08 * max(min(len(label), WIDEST) for label in labels)
    columns = max(1, min(len(labels), int(figure.get_figwidth() / widest)))
    figure.set_figheight(figure.get_figheight() + 0.2 * -(-len(labels) // columns))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=3.5)


@style.themed
def image_scatter(
    methods: Mapping[str, AnyCounts], title: str, axes_of: Iterable[AnyCounts] = ()
) -> Figure:
    r"""Draw mean confidence against accuracy, with a panel per method and a point per image.

    Images below the dashed line are overconfident. A larger mark shows the mean confidence and the
    accuracy of all pixels.

    >>> import numpy as np
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> image_scatter({"BCE": counts}, "test").axes[0].get_title()  # 90 % confident, 75 % accurate
    'BCE\n100 % of the images overconfident'

    Args:
        methods: label -> counts of the same set.
        title: name of the set.
        axes_of: further counts for which the axes make room, see `reliability_diagrams`.
    """
    figure = style.new_figure(3.1 * len(methods) + 0.5, 3.6, "Images", title)
    axes = figure.subplots(1, len(methods), sharex=True, sharey=True, squeeze=False)[0]
    notes = []
    for axis, (label, counts) in zip(axes, methods.items(), strict=True):
        confidence, accuracy = _of_images(counts)
        over = confidence > accuracy
        for colour, chosen in zip(style.directions(), (over, ~over), strict=True):
            axis.scatter(
                confidence[chosen], accuracy[chosen], s=12, color=colour, alpha=0.5, linewidth=0
            )
        pooled = 100 * calibration.confidence(counts), 100 * calibration.accuracy(counts)
        axis.plot(*pooled, "D", color=style.ink(), markersize=7, markeredgecolor="white")
        axis.plot([0, 100], [0, 100], "--", color=style.ink(), linewidth=1)
        axis.set(xlabel="mean confidence, %")
        share = 100 * np.mean(over)
        axis.set_title(f"{style.plain(label)}\n{share:.0f} % of the images overconfident")
        notes.append(
            f"{label}: accuracy from {accuracy.min():.0f} % to {accuracy.max():.0f} %, confidence "
            f"from {confidence.min():.0f} % to {confidence.max():.0f} %; {share:.0f} % of the "
            "images are overconfident"
        )
    images = np.hstack([_of_images(counts) for counts in (*methods.values(), *axes_of)])
    lowest = min(10 * (images.min() // 10), 90)
    start = max(lowest, min(10 * (images[0].min() // 10), 50))
    axes[0].set(ylabel="accuracy, %", xlim=(start, 101), ylim=(lowest, 102))
    figure.set_label(
        f"Accuracy against mean confidence of each of {len(next(iter(methods.values())))} images, "
        f"{title}. {'; '.join(notes)}. Images below the dashed line are overconfident."
    )
    return figure


def _of_images(counts: AnyCounts) -> np.ndarray:
    """Return mean confidence and accuracy of each image in %, shape (2, images)."""
    pixels, *sums = calibration.image_bins(counts, bins=1)
    return np.stack([100 * total[:, 0] / pixels[:, 0] for total in sums])


@style.themed
def training_history(logs: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Draw validation accuracy, confidence and ECE, and the alphas if there are any, over epochs.

    >>> from aslp_lib.evaluation.figures import alt
    >>> row = {"epoch": 1, "confidence": 0.9, "accuracy": 0.8, "ece": 0.1}
    >>> alt(training_history({"BCE": [row]}))
    'Accuracy, confidence, ECE and alpha over training. BCE ends at validation ECE 10.0 %.'

    Args:
        logs: label -> rows of the training log, see `TrainingState.log`.
    """
    figure = style.new_figure(10.5, 3.9, "Training")
    share, error, alphas = figure.subplots(1, 3)
    looks = style.looks(logs)
    for label, log in logs.items():
        colour, _, mark = looks[label]
        column = {key: np.array([row[key] for row in log]) for key in log[0]}
        epoch = column["epoch"]
        look: Any = {"color": colour, "marker": mark, "markevery": max(1, len(log) // 6)}
        share.plot(epoch, 100 * column["confidence"], label=f"{label}, confidence", **look)
        share.plot(epoch, 100 * column["accuracy"], ":", label=f"{label}, accuracy", **look)
        error.plot(epoch, 100 * column["ece"], **look)
        if "alpha_mean" in column:
            low, high = column["alpha_p10"], column["alpha_p90"]
            alphas.plot(epoch, column["alpha_mean"], **look)
            alphas.fill_between(epoch, low, high, color=colour, alpha=0.3)
    share.set(xlabel="epoch", ylabel="validation, % of pixels", title="confidence and accuracy")
    error.set(xlabel="epoch", ylabel="validation ECE, %", title="calibration error", ylim=(0, None))
    alphas.set(xlabel="epoch", ylabel="alpha", ylim=(0, None))
    alphas.set_title("alphas: mean, 10th to 90th percentile")
    figure.legend(ncols=min(len(logs), 4), loc="outside lower center")
    last = "; ".join(
        f"{label} ends at validation ECE {100 * log[-1]['ece']:.1f} %"
        + (f" and mean alpha {log[-1]['alpha_mean']:.3f}" if "alpha_mean" in log[-1] else "")
        for label, log in logs.items()
    )
    figure.set_label(f"Accuracy, confidence, ECE and alpha over training. {last}.")
    return figure
