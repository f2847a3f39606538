"""Figures of a network's confidence in each pixel, and of its calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import draw_pictures, new_panels
from aslp_lib.data.base import SaliencySet
from aslp_lib.evaluation.figures.style import BLUE, GREY, legend_below, looks, new_figure
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

POSTERIOR_BINS = 8


def confident_and_wrong(
    dataset: SaliencySet, indices: Sequence[int], maps: Sequence[np.ndarray], method: str
) -> Figure:
    """Show image, label, map, confidence and wrong pixels, one row per image.

    Args:
        indices: indices of the images in the set.
        maps: their (H, W) uint8 maps.
        method: name of the method whose maps they are, for the description.
    """
    titles = ("image", "label", "P(y=1)", "confidence", "wrong pixels")
    figure = new_figure(1.5 * len(titles), 1.5 * len(indices) + 0.7, None)
    grid = figure.subplots(len(indices), len(titles), squeeze=False)
    notes = []
    for row, index, grey_map in zip(grid, indices, maps, strict=True):
        p, label = grey_map / 255, dataset.mask(index)
        confidence, wrong = np.maximum(p, 1 - p), (p >= 0.5) != label
        picture = dataset.load(index)[0].permute(1, 2, 0).numpy()
        draw_pictures(row, (picture, label, p, confidence, ~wrong))
        row[3].images[0].set_clim(0.5, 1)
        note = f"{100 * wrong.mean():.0f} % wrong"
        if wrong.any():
            note += f", {100 * confidence[wrong].mean():.0f} % sure there"
        row[-1].set_xlabel(note.replace(", ", ",\n"), fontsize=9)
        notes.append(note)
    for axis, title in zip(grid[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a row each: {', '.join(titles)} of {method}. "
        "White is foreground or sure (black: confidence 1/2); wrong pixels are black. "
        f"{'; '.join(notes)}."
    )
    return figure


def readings(counts: Counts, title: str) -> Figure:
    """Plot the two readings of confidence: that of the predicted class, and that of the foreground.

    The upper panels show the frequency of the outcome in each bin over the bin's mean confidence,
    the lower panels each bin's share of the pixels.
    """
    figure = new_figure(7.2, 4.6, title)
    top, bottom = figure.subplots(2, 2, sharex="col", squeeze=False, height_ratios=(3, 1))
    notes = []
    columns: tuple[tuple[calibration.Of, str, str, float], ...] = (
        ("prediction", "max(p, 1 - p)", "share right", 0.5),
        ("foreground", "p = P(y=1)", "share that is foreground", 0),
    )
    for upper, lower, (of, name, outcome, lowest) in zip(top, bottom, columns, strict=True):
        table, ece = calibration.reliability(counts, of=of), calibration.ece(counts, of=of)
        left, width = table.edges[:-1], np.diff(table.edges)
        accuracy = np.nan_to_num(table.accuracy)
        upper.bar(left, accuracy, width, align="edge", color=BLUE, edgecolor="white")
        upper.plot(table.confidence, table.accuracy, "D", color="black", ms=4)
        upper.plot([0, 1], [0, 1], "--", color="black", linewidth=1)
        upper.set(xlim=(lowest, 1), ylim=(0, 1), ylabel=outcome)
        upper.set_title(f"ECE {100 * ece:.1f} %", fontsize=10)
        lower.bar(left, table.share, width, align="edge", color=GREY, edgecolor="white")
        lower.set(xlabel=name, ylim=(0, 1), ylabel="share of pixels")
        notes.append(f"{name}: ECE {100 * ece:.1f} %")
    figure.set_label(
        f"Reliability by the predicted class's confidence and by P(y=1), {title}. "
        f"{'; '.join(notes)}."
    )
    return figure


def against_truth(posterior: np.ndarray, maps: Mapping[str, np.ndarray]) -> Figure:
    """Plot predicted probabilities over the true probability, which is known for synthetic data.

    The line is the mean P(y=1) over pixels with a similar true probability, and the band their
    middle 80 %. Background, whose true probability is 0, is one point; the other pixels fall into
    bins of equal width.

    Args:
        posterior: (N, H, W) true P(y=1).
        maps: label -> (N, H, W) P(y=1) in [0, 1].
    """
    bins = np.ceil(posterior.ravel() * POSTERIOR_BINS).astype(int)  # bin 0 is the background
    occupied = np.unique(bins)
    truth = np.array([posterior.ravel()[bins == k].mean() for k in occupied])
    figure, axes = new_panels(len(maps), 3.4, 3.8, sharey=True)
    notes = []
    for axis, (label, p), (colour, *_) in zip(axes, maps.items(), looks(), strict=False):
        predictions = [p.ravel()[bins == k] for k in occupied]
        mean = [values.mean() for values in predictions]
        low, high = np.transpose([np.quantile(values, (0.1, 0.9)) for values in predictions])
        axis.fill_between(truth, low, high, color=colour, alpha=0.25, label="middle 80 % of pixels")
        axis.plot(truth, mean, "o-", color=colour, label="mean")
        axis.plot([0, 1], [0, 1], "--", color="black", linewidth=1, label="the truth")
        axis.set(xlabel="true P(y=1)", xlim=(0, 1), ylim=(0, 1), title=label)
        error = np.abs(p - posterior).mean()
        notes.append(f"{label}: off by {error:.3f} on average over all pixels")
    axes[0].set_ylabel("P(y=1) that the network says")
    legend_below(figure, axes[0])
    figure.set_label(f"Predicted against true probability of a pixel. {'; '.join(notes)}.")
    return figure
