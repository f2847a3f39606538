"""Figures of notebook 09: oscillating alphas, learning rates, stretched maps, overlapping bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.models.release import Spans
from aslp_lib.data.base import SaliencySet
from aslp_lib.evaluation.figures.style import BLUE, GREY, ORANGE, looks, new_figure, plain
from aslp_lib.metrics.counts import min_max


def strengths_over_epochs(
    runs: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]], image: int
) -> Figure:
    """Plot alpha*beta of one image and the 10 to 90 % range of all images, one panel per run.

    Args:
        runs: label -> (epochs, images) values of alpha*beta and (epochs,) their bound.
        image: index of the image that is drawn.
    """
    figure = new_figure(3.2 * len(runs) + 0.4, 3.8, None)
    panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
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
        oscillates = np.ptp(tail, axis=0).mean() > 0.2 * tail.mean()
        ratio = tail.mean() / bound[-10:].mean()
        notes.append(
            f"{title}: {'they swing' if oscillates else 'they rest'}, at a mean of {ratio:.1f} "
            "times the bound"
        )
    top = max(strength.max() for strength, _ in runs.values())
    panels[0].set(ylabel="strength alpha * beta", ylim=(0, 1.05 * top))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=10, ncols=3, loc="outside lower center")
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
    figure = new_figure(6.8, 3.8, None)
    axis = figure.subplots()
    notes = []
    for (label, share), (colour, line, _) in zip(rates.items(), looks(), strict=False):
        axis.step(
            np.arange(1, len(share) + 1), 100 * share, line, where="mid", color=colour,
            label=label, linewidth=2,
        )  # fmt: skip
        values = (f"{100 * share[epoch - 1]:.0f} % in epoch {epoch}" for epoch in marked)
        notes.append(f"{label}: {', '.join(values)}")
    for epoch in marked:
        axis.axvline(epoch, color="black", linestyle=":", linewidth=1)
    axis.set(xlabel="epoch", ylabel="learning rate, % of the first", ylim=(0, 105))
    figure.legend(fontsize=10, ncols=len(rates), loc="outside lower center")
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
    figure = new_figure(1.7 * len(indices) + 0.8, 6.0, None)
    grid = figure.subplots(3, len(indices), squeeze=False)
    notes = []
    for column, index, grey_map in zip(grid.T, indices, maps, strict=True):
        stretched = min_max(grey_map)
        picture = dataset.load(index)[0].permute(1, 2, 0).numpy()
        for axis, values in zip(column, (picture, grey_map, stretched), strict=True):
            axis.imshow(values, cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
        for axis, values in zip(column[1:], (grey_map, stretched), strict=True):
            axis.set_xlabel(
                f"{values.min() / 255:.2f} to {values.max() / 255:.2f}\n"
                f"{100 * (values >= 128).mean():.0f} % object",
                fontsize=9,
            )
        notes.append(
            f"{100 * (grey_map >= 128).mean():.0f} % and {100 * (stretched >= 128).mean():.0f} %"
        )
    for axis, title in zip(grid[:, 0], ("image", "map", "stretched"), strict=True):
        axis.set_ylabel(title, fontsize=10)
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a column each: the image, the network's map, "
        "and the map stretched to the full range; white is foreground. Share of pixels called "
        f"object before and after: {'; '.join(notes)}."
    )
    return figure


def overlapping_bins(spans: Spans, title: str) -> Figure:
    """Plot the range of confidences of each bin as a bar, and the share of pixels it counts."""
    bins = len(spans.low)
    figure = new_figure(6.8, 1.4 + 0.3 * bins, title)
    axis = figure.subplots()
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
