"""Figures of notebook 09: oscillating alphas, learning rates, stretched maps, overlapping bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.course.models.release import Spans
from aslp_lib.data.base import SaliencySet
from aslp_lib.evaluation.figures.style import BLUE, GREY, ORANGE, legend_below, looks, plain
from aslp_lib.metrics.counts import min_max


def strengths_over_epochs(
    runs: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]], image: int
) -> Figure:
    """Plot alpha*beta of one image and the 10 to 90 % range of all images, one panel per run.

    Args:
        runs: label -> (epochs, images) values of alpha*beta and (epochs,) their bound.
        image: index of the image that is drawn.
    """
    figure, panels = new_panels(len(runs), 3.2, 3.6, sharey=True)
    notes = []
    for axis, (title, (strength, bound)) in zip(panels, runs.items(), strict=True):
        epoch = np.arange(1, len(strength) + 1)
        low, high = np.quantile(strength, [0.1, 0.9], axis=1)
        axis.fill_between(epoch, low, high, color=GREY, alpha=0.35, label="10 to 90 % of all")
        axis.plot(epoch, strength[:, image], color=BLUE, label="one image")
        axis.plot(epoch, bound, "--", color="black", linewidth=1.2, label="bound 2 (1 - A)")
        axis.set(xlabel="epoch")
        axis.set_title(plain(title, 26), fontsize=10)
        # The description uses words and means over images: a single oscillating alpha differs
        # between processors.
        tail = strength[-10:]
        does = "swing" if np.ptp(tail, axis=0).mean() > 0.2 * tail.mean() else "rest"
        ratio = tail.mean() / bound[-10:].mean()
        notes.append(f"{title}: they {does}, at a mean of {ratio:.1f} times the bound")
    top = max(strength.max() for strength, _ in runs.values())
    panels[0].set(ylabel="expected perturbation alpha*beta", ylim=(0, 1.05 * top))
    legend_below(figure, panels[0])
    figure.set_label(
        f"Strength of the perturbation over {len(epoch)} epochs. In the last 10: "
        f"{'; '.join(notes)}."
    )
    return figure


def rates_over_epochs(rates: Mapping[str, NDArray[np.float64]], marked: Sequence[int]) -> Figure:
    """Plot learning rates over the epochs, in percent of the first one.

    Args:
        rates: label -> (epochs,) learning rate as a share of the first epoch's; equal lengths.
        marked: epochs marked with a vertical line.
    """
    figure, (axis,) = new_panels(1, 6.4, 3.6)
    notes = []
    for (label, share), (colour, line, _) in zip(rates.items(), looks(), strict=False):
        epochs = np.arange(1, len(share) + 1)
        axis.step(epochs, 100 * share, line, where="mid", color=colour, label=label, linewidth=2)
        values = (f"{100 * share[epoch - 1]:.0f} % in epoch {epoch}" for epoch in marked)
        notes.append(f"{label}: {', '.join(values)}")
    for epoch in marked:
        axis.axvline(epoch, color="black", linestyle=":", linewidth=1)
    axis.set(xlabel="epoch", ylabel="learning rate, % of the first", ylim=(0, 105))
    legend_below(figure, axis)
    figure.set_label(f"The learning rate over the epochs. {'; '.join(notes)}.")
    return figure


def stretched_maps(
    dataset: SaliencySet, indices: Sequence[int], maps: Sequence[NDArray[np.uint8]]
) -> Figure:
    """Show images, their maps, and the maps after min-max normalisation, one column per image.

    Args:
        indices: indices of the images in the set.
        maps: their (H, W) maps.
    """
    images = [dataset.load(index)[0].permute(1, 2, 0).numpy() for index in indices]
    stretched = [min_max(grey_map) for grey_map in maps]
    figure, grid = picture_grid({"image": images, "map": maps, "stretched": stretched}, 1.8, 255)
    shares = []
    for axis, values in zip(grid[1:].flat, (*maps, *stretched), strict=True):
        shares.append(f"{100 * (values >= 128).mean():.0f} %")
        extent = f"{values.min() / 255:.2f} to {values.max() / 255:.2f}"
        axis.set_xlabel(f"{extent}\n{shares[-1]} foreground", fontsize=9)
    notes = map(" and ".join, zip(shares[: len(maps)], shares[len(maps) :], strict=True))
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a column each: the image, the network's map, "
        "and the map stretched to the full range; white is foreground. Share of pixels called "
        f"object before and after: {'; '.join(notes)}."
    )
    return figure


def overlapping_bins(spans: Spans, title: str) -> Figure:
    """Plot the range of confidences of each bin as a bar, and the share of pixels it counts."""
    bins = len(spans.low)
    figure, (axis,) = new_panels(1, 6.4, 1.4 + 0.3 * bins, title)
    row, share = np.arange(bins), spans.pixels / spans.total
    low = np.maximum(spans.low, 0.5)  # the first bin begins at 0, but a confidence is at least 1/2
    axis.barh(
        row, np.maximum(spans.high - low, 0.003), left=low, color=[BLUE, ORANGE] * bins,
        edgecolor="black", linewidth=0.6,
    )  # fmt: skip
    for number, value in enumerate(share):
        axis.text(1.015, number, f"{100 * value:.0f} %", va="center", fontsize=9)
    axis.set(
        xlabel="confidence", ylabel="bin", xlim=(0.5, 1.1), ylim=(bins - 0.4, -0.6),
        xticks=np.linspace(0.5, 1, 6), yticks=row, yticklabels=row + 1,
    )  # fmt: skip
    axis.set_title("on the right: share of all pixels", fontsize=9, loc="right")
    figure.set_label(
        f"{title}: the confidences that each of {bins} bins takes. Neighbours overlap; together "
        f"the bins count {100 * share.sum():.0f} % of the pixels."
    )
    return figure
