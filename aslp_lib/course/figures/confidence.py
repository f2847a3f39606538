"""How sure a network is of each pixel, and whether it should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.data.base import SaliencySet
from aslp_lib.evaluation.figures.style import BLUE, GREY, legend_below, looks, new_figure
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

POSTERIOR_BINS = 8


def confident_and_wrong(
    dataset: SaliencySet, indices: Sequence[int], maps: Sequence[np.ndarray], method: str
) -> Figure:
    """One row an image: image, label, map, confidence of each pixel, and the wrong pixels.

    Args:
        indices: which images of the set.
        maps: their (H, W) uint8 maps.
        method: whose maps they are, for the description.
    """
    titles = ("image", "label", "P(y=1)", "confidence", "wrong pixels")
    figure = new_figure(1.5 * len(titles), 1.5 * len(indices) + 0.7, None)
    grid = figure.subplots(len(indices), len(titles), squeeze=False)
    notes = []
    for row, index, levels in zip(grid, indices, maps, strict=True):
        p, label = levels / 255, dataset.mask(index)
        confidence, wrong = np.maximum(p, 1 - p), (p >= 0.5) != label
        picture = dataset.load(index)[0].permute(1, 2, 0).numpy()
        for axis, shown, low in zip(
            row, (picture, label, p, confidence, ~wrong), (0, 0, 0, 0.5, 0), strict=True
        ):
            axis.imshow(shown, cmap="gray", vmin=low, vmax=1)
            axis.set(xticks=[], yticks=[])
        sure = f",\n{100 * confidence[wrong].mean():.0f} % sure there" if wrong.any() else ""
        row[-1].set_xlabel(f"{100 * wrong.mean():.0f} % wrong{sure}", fontsize=9)
        notes.append(row[-1].get_xlabel().replace("\n", " "))
    for axis, title in zip(grid[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a row each: {', '.join(titles)} of {method}. "
        "White is foreground or sure (black: confidence 1/2); wrong pixels are black. "
        f"{'; '.join(notes)}."
    )
    return figure


def readings(counts: Counts, title: str) -> Figure:
    """The two readings of confidence: of the predicted class, and of the foreground.

    Above: frequency of the outcome in each bin against the bin's mean confidence. Below: the bins'
    shares of all pixels.
    """
    figure = new_figure(7.2, 4.6, title)
    top, bottom = figure.subplots(2, 2, sharex="col", squeeze=False, height_ratios=(3, 1))
    notes = []
    shown: tuple[tuple[calibration.Of, str, str], ...] = (
        ("prediction", "max(p, 1 - p)", "share right"),
        ("foreground", "p = P(y=1)", "share that is foreground"),
    )
    for column, (of, name, outcome) in enumerate(shown):
        table, ece = calibration.reliability(counts, of=of), calibration.ece(counts, of=of)
        left, width = table.edges[:-1], np.diff(table.edges)
        top[column].bar(
            left, np.nan_to_num(table.accuracy), width, align="edge", color=BLUE, edgecolor="white"
        )
        top[column].plot(table.confidence, table.accuracy, "D", color="black", ms=4)
        top[column].plot([0, 1], [0, 1], "--", color="black", linewidth=1)
        low = 0.5 if of == "prediction" else 0
        top[column].set(xlim=(low, 1), ylim=(0, 1), ylabel=outcome)
        top[column].set_title(f"ECE {100 * ece:.1f} %", fontsize=10)
        bottom[column].bar(left, table.share, width, align="edge", color=GREY, edgecolor="white")
        bottom[column].set(xlabel=name, ylim=(0, 1), ylabel="share of pixels")
        notes.append(f"{name}: ECE {100 * ece:.1f} %")
    figure.set_label(
        f"Reliability by the predicted class's confidence and by P(y=1), {title}. "
        f"{'; '.join(notes)}."
    )
    return figure


def against_truth(posterior: np.ndarray, maps: Mapping[str, np.ndarray]) -> Figure:
    """What networks say of pixels whose true probability is known.

    Line: mean P(y=1) over pixels with about the same true probability; band: their middle 80 %.
    Background, whose truth is 0, is one point; the rest falls into bins of equal width.

    Args:
        posterior: (N, H, W) true P(y=1).
        maps: label -> (N, H, W) P(y=1) in [0, 1].
    """
    which = np.ceil(posterior.ravel() * POSTERIOR_BINS).astype(int)  # 0: background
    present = np.unique(which)
    truth = np.array([posterior.ravel()[which == k].mean() for k in present])
    figure = new_figure(3.4 * len(maps) + 0.4, 3.8, None)
    axes = figure.subplots(1, len(maps), sharey=True, squeeze=False)[0]
    notes = []
    for axis, (label, p), (colour, *_) in zip(axes, maps.items(), looks(), strict=False):
        said = [p.ravel()[which == k] for k in present]
        mean = np.array([values.mean() for values in said])
        low, high = np.array([np.quantile(values, (0.1, 0.9)) for values in said]).T
        _draw_truth(axis, colour, truth, mean, low, high)
        axis.set(xlabel="true P(y=1)", xlim=(0, 1), ylim=(0, 1), title=label)
        off = np.abs(p - posterior).mean()
        notes.append(f"{label}: off by {off:.3f} on average over all pixels")
    axes[0].set_ylabel("P(y=1) that the network says")
    legend_below(figure, axes[0])
    figure.set_label(f"Predicted against true probability of a pixel. {'; '.join(notes)}.")
    return figure


def _draw_truth(
    axis: Axes, colour: str, truth: np.ndarray, mean: np.ndarray, low: np.ndarray, high: np.ndarray
) -> None:
    axis.fill_between(truth, low, high, color=colour, alpha=0.25, label="middle 80 % of pixels")
    axis.plot(truth, mean, "o-", color=colour, label="mean")
    axis.plot([0, 1], [0, 1], "--", color="black", linewidth=1, label="the truth")
