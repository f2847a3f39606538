"""What reading the release found: saw-teeth, a learning rate, stretched maps, bins that overlap."""

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
    """Strength alpha*beta over the epochs, a panel a run: one image's, and what 10 to 90 % of all
    have.

    Args:
        runs: label -> (epochs, images) strengths and (epochs,) their bound.
        image: whose is drawn.
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
        # In words, and of many: where levels swing, one level is another on another processor.
        late = strength[-10:]
        swing = np.ptp(late, axis=0).mean() > 0.2 * late.mean()
        mean = late.mean() / bound[-10:].mean()
        notes.append(
            f"{title}: {'they swing' if swing else 'they rest'}, at a mean of {mean:.1f} times "
            "the bound"
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
    """Learning rates over the epochs, in percent of the first.

    Args:
        rates: label -> (epochs,) share of the first epoch's rate; as many of each.
        marked: epochs at which there is a line.
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
    """A column an image: the image, its map, and the map stretched to the full range.

    Args:
        indices: which images of the set.
        maps: their (H, W) maps.
    """
    figure = new_figure(1.7 * len(indices) + 0.8, 6.0, None)
    grid = figure.subplots(3, len(indices), squeeze=False)
    notes = []
    for column, index, own in zip(grid.T, indices, maps, strict=True):
        full = min_max(own)
        picture = dataset.load(index)[0].permute(1, 2, 0).numpy()
        for axis, shown in zip(column, (picture, own, full), strict=True):
            axis.imshow(shown, cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
        for axis, each in zip(column[1:], (own, full), strict=True):
            axis.set_xlabel(
                f"{each.min() / 255:.2f} to {each.max() / 255:.2f}\n"
                f"{100 * (each >= 128).mean():.0f} % object",
                fontsize=9,
            )
        notes.append(f"{100 * (own >= 128).mean():.0f} % and {100 * (full >= 128).mean():.0f} %")
    for axis, title in zip(grid[:, 0], ("image", "map", "stretched"), strict=True):
        axis.set_ylabel(title, fontsize=10)
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a column each: the image, the network's map, "
        "and the map stretched to the full range; white is foreground. Share of pixels called "
        f"object before and after: {'; '.join(notes)}."
    )
    return figure


def overlapping_bins(spans: Spans, title: str) -> Figure:
    """The confidences that each bin takes, as a bar, and the share of all pixels that it counts."""
    bins = len(spans.low)
    figure = new_figure(6.8, 1.4 + 0.3 * bins, title)
    axis = figure.subplots()
    row, share = np.arange(bins), spans.pixels / spans.there
    low = np.maximum(spans.low, 0.5)  # the first bin begins at 0, where no confidence is
    axis.barh(
        row, np.maximum(spans.high - low, 0.003), left=low, color=[BLUE, ORANGE] * bins,
        edgecolor="black", linewidth=0.6,
    )  # fmt: skip
    for each, own in enumerate(share):
        axis.text(1.015, each, f"{100 * own:.0f} %", va="center", fontsize=9)
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
