"""Reliability diagrams and the joint density of confidence and accuracy, drawn from counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from aslp_lib.evaluation.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    legend_below,
    new_figure,
    plain,
)
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.bootstrap import reliability_interval
from aslp_lib.metrics.calibration import BINS, Reliability
from aslp_lib.metrics.counts import Counts

SQUARES = (25, 25)
"""Cells of the joint density: over confidence in [1/2, 1], and over accuracy in [0, 1]."""
DENSITY = ListedColormap(colormaps["Blues"](np.linspace(0.2, 1, 256)))
"""Colours of the joint density, without the lightest blues, which would look like empty cells."""


def reliability_diagrams(methods: Mapping[str, Counts], title: str, bins: int = BINS) -> Figure:
    """Draw a reliability diagram and a histogram of confidence for every method, side by side.

    A bar is the accuracy of the bin's pixels with its 95 % interval over images; the hatched part
    above it is the confidence in excess of the accuracy. The dashed line is perfect calibration.
    The histogram shows each bin's share of all pixels, the mean confidence and the accuracy.

    >>> from aslp_lib.evaluation.figures import alt
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> alt(reliability_diagrams({"BCE": counts}, "test")).split("mean ")[1]
    'confidence 90.0 %, accuracy 75.0 %.'

    Args:
        methods: label -> counts of the same set.
        title: name of the set.
        bins: number of bins of equal width.
    """
    figure = new_figure(3.4 * len(methods) + 0.4, 4.6, title)
    top, bottom = figure.subplots(2, len(methods), sharex=True, squeeze=False, height_ratios=(3, 1))
    names = ("ece", "oe", "confidence", "accuracy")
    notes = []
    for column, (label, counts) in enumerate(methods.items()):
        table, row = calibration.reliability(counts, bins), scores(counts, bins, names)
        ece, oe = row["ece"], row["oe"]
        _draw_reliability(top[column], table)
        if len(counts) > 1:
            _draw_interval(top[column], table, *reliability_interval(counts, bins))
        summary = f"ECE {100 * ece:.1f} %, OE {100 * oe:.1f} %"
        top[column].set_title(f"{plain(label)}\n{summary}", fontsize=10)
        _draw_histogram(bottom[column], table, row)
        notes.append(
            f"{label}: ECE {100 * ece:.1f} %, OE {100 * oe:.1f} %, mean confidence "
            f"{100 * row['confidence']:.1f} %, accuracy {100 * row['accuracy']:.1f} %"
        )
    top[0].set_ylabel("accuracy in the bin")
    bottom[0].set_ylabel("pixels")
    legend_below(figure, top[0], bottom[0])
    figure.set_label(f"Reliability diagrams, {title}. " + "; ".join(notes) + ".")
    return figure


def joint_density(methods: Mapping[str, Counts], title: str, bins: int = BINS) -> Figure:
    """Draw the joint density of confidence and accuracy, with a panel per method.

    Every bin of every image contributes its pixels at the bin's mean confidence and accuracy; the
    colour of a square is its share of all pixels. Squares without pixels are blank, unlike in the
    release, which smooths the pooled bins into a density that extends to empty regions. Circles
    are the bins pooled over all images; their size grows with their share of pixels.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> [axis.get_title() for axis in joint_density({"BCE": counts, "ASLP": counts}, "test").axes]
    ['BCE', 'ASLP']

    Args:
        methods: label -> counts of the same set.
        title: name of the set.
        bins: number of bins of equal width.
    """
    figure = new_figure(3.4 * len(methods) + 0.4, 3.8, f"Confidence and accuracy, {title}")
    axes = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    for axis, (label, counts) in zip(axes, methods.items(), strict=True):
        pixels, *sums = (array.ravel() for array in calibration.image_bins(counts, bins))
        full = pixels > 0
        weights = pixels[full]
        confidence, accuracy = (total[full] / weights for total in sums)
        shares, *edges = np.histogram2d(
            confidence, accuracy, SQUARES, ((0.5, 1), (0, 1)), weights=weights
        )
        shares = np.ma.masked_equal(shares.T / pixels.sum(), 0)
        axis.pcolormesh(*edges, shares, cmap=DENSITY, norm=LogNorm(1e-5, 0.3))
        table = calibration.reliability(counts, bins)
        full = table.pixels > 0
        axis.scatter(
            table.confidence[full], table.accuracy[full], s=300 * table.share[full] + 6,
            color=ORANGE, edgecolor="white", linewidth=0.6,
        )  # fmt: skip
        axis.plot([0.5, 1], [0.5, 1], "--", color="black", linewidth=1)
        axis.set(xlim=(0.5, 1), ylim=(0, 1), xlabel="confidence")
        axis.set_title(plain(label), fontsize=10)
    axes[0].set_ylabel("accuracy")
    figure.set_label(
        f"Joint density of confidence and accuracy, {bins} bins of each image, {title}, for "
        f"{' and '.join(methods)}; the darker, the more pixels, blank where none are. Mass under "
        "the dashed diagonal is over-confident."
    )
    return figure


def _draw_reliability(axis: Axes, table: Reliability) -> None:
    """Draw the accuracy of each bin, and the overconfident part of its confidence hatched."""
    left, width = table.edges[:-1], np.diff(table.edges)
    accuracy, confidence = np.nan_to_num(table.accuracy), np.nan_to_num(table.confidence)
    axis.bar(
        left, accuracy, width, align="edge", color=BLUE, edgecolor="white",
        label="accuracy in the bin",
    )  # fmt: skip
    over = np.maximum(confidence - accuracy, 0)
    axis.bar(
        left, over, width, accuracy, align="edge", color="none", edgecolor=ORANGE, hatch="///",
        linewidth=1, label="over-confidence",
    )  # fmt: skip
    axis.plot([0, 1], [0, 1], "--", color="black", linewidth=1, label="calibrated")
    axis.set(xlim=(0.5, 1), ylim=(0, 1))


def _draw_interval(axis: Axes, table: Reliability, low: np.ndarray, high: np.ndarray) -> None:
    """Draw the interval [low, high] of each bin's accuracy as an error bar."""
    middle = (table.edges[:-1] + table.edges[1:]) / 2
    # Rounding may put an end on the wrong side of the accuracy, and matplotlib refuses negative
    # lengths.
    lengths = np.maximum([table.accuracy - low, high - table.accuracy], 0)
    axis.errorbar(
        middle, table.accuracy, lengths, fmt="none", color="black", linewidth=1, capsize=2
    )


def _draw_histogram(axis: Axes, table: Reliability, row: Mapping[str, float]) -> None:
    """Draw each bin's share of the pixels, with the mean confidence and the accuracy as lines."""
    left, width = table.edges[:-1], np.diff(table.edges)
    axis.bar(left, table.share, width, align="edge", color=GREY, edgecolor="white")
    axis.axvline(row["confidence"], color=ORANGE, label="mean confidence")
    axis.axvline(row["accuracy"], color=BLUE, linestyle=":", linewidth=2, label="mean accuracy")
    axis.set(xlabel="confidence", ylim=(0, 1))
    axis.yaxis.set_major_formatter(PercentFormatter(1))
