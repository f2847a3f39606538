"""Figures of mistakes, and of probabilities against outcomes and the true posterior."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import (
    directions,
    ink,
    legend_below,
    looks,
    new_figure,
    themed,
)
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.top_label import Of

POSTERIOR_BINS = 8
Example = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Grey levels of an image, its mask in {0, 1}, and predicted P(y=1), each (H, W) or (H, W, 3)."""


@themed
def mistakes(sets: Mapping[str, Sequence[Example]]) -> Figure:
    """Draw images above their predictions and above the mistakes, of several sets side by side.

    An image has the outline of its label, in black on white, which stands out against any colour. A
    mistake is coloured by its confidence: the stronger the colour, the more confident. Correct
    pixels are white.

    Args:
        sets: name of the set -> its examples.
    """
    examples = [example for several in sets.values() for example in several]
    figure = new_figure(1.35 * len(examples) + 1.4, 4.7)
    grid = figure.subplots(3, len(examples), squeeze=False)
    shades = LinearSegmentedColormap.from_list("mistakes", ["#FBE3D2", directions()[0]])
    colours = shades.with_extremes(under="white")
    for axes, (image, mask, p) in zip(grid.T, examples, strict=True):
        wrong = (p >= 0.5) != mask
        axes[0].imshow(image, cmap="gray", vmin=0, vmax=255)
        for colour, width in (("white", 3), ("black", 1)):
            axes[0].contour(mask, [0.5], colors=colour, linewidths=width)
        axes[1].imshow(p, cmap="gray", vmin=0, vmax=1)
        confidence = np.where(wrong, np.maximum(p, 1 - p), 0)
        drawn = axes[2].imshow(confidence, cmap=colours, vmin=0.5, vmax=1)
    for axis in grid.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(True)  # white maps would dissolve into the page
    for axis, name in zip(
        grid[:, 0], ("image\nand label", "predicted\nP(y=1), f", "mistakes"), strict=True
    ):
        axis.set_ylabel(name, rotation=0, ha="right", va="center")
    scale = figure.colorbar(drawn, ax=grid[2], label="confidence, %", ticks=[0.5, 0.75, 1])
    scale.ax.set_yticklabels(["50", "75", "100"])
    notes, first = [], 0
    for name, several in sets.items():
        grid[0, first].set_title(name, loc="left")
        p, mask = (np.stack([example[k] for example in several]) for k in (2, 1))
        wrong = (p >= 0.5) != mask
        confidence = np.maximum(p, 1 - p)[wrong].mean()
        notes.append(f"{name}: the mean confidence of mistakes is {100 * confidence:.0f} %")
        first += len(several)
    figure.set_label(
        "Images with the outline of their label, predicted P(y=1), and wrong pixels, whose colour "
        f"is the stronger, the more confident they are. {'; '.join(notes)}."
    )
    return figure


@themed
def two_kinds(counts: Counts, title: str) -> Figure:
    """Plot top-label calibration, of the predicted class, beside class-wise calibration, of P(y=1).

    A dot shows the frequency of the outcome in a bin over the bin's mean probability; the larger
    the dot, the more pixels the bin has. A bar leads to it from the diagonal. Its colour says
    whether the bin is overconfident or underconfident in the predicted class, on both sides.
    """
    columns: tuple[tuple[Of, str, str, str], ...] = (
        ("prediction", "top-label", "confidence max(f, 1 − f), %", "accuracy, %"),
        ("foreground", "class-wise", "predicted P(y=1), f, %", "share of foreground, %"),
    )
    figure, axes = new_panels(2, 3.6, 3.8, title)
    notes = []
    for axis, (of, kind, name, outcome) in zip(axes, columns, strict=True):
        table = calibration.reliability(counts, of=of)
        full = table.pixels > 0
        x, y = 100 * table.confidence[full], 100 * table.accuracy[full]
        axis.plot([0, 100], [0, 100], "--", color=ink(), linewidth=1)
        under = (x < y) == (x >= 50)  # too low an f is too confident a background
        axis.vlines(x, x, y, colors=[directions()[int(k)] for k in under], linewidth=4)
        axis.scatter(x, y, s=12 + 150 * table.share[full], color=ink(), linewidth=0, zorder=3)
        axis.set(xlabel=name, ylabel=outcome, xlim=(0, 100), ylim=(0, 100))
        ece = 100 * calibration.ece(counts, of=of)
        axis.set_title(f"{kind} ECE {ece:.1f} %")
        points = ", ".join(f"{a:.0f} and {b:.0f}" for a, b in zip(x, y, strict=True))
        notes.append(f"{kind} ECE {ece:.1f} %; {name[:-3]} and {outcome}: {points}")
    words = ("over", "under")
    for height, name, colour in zip((0.9, 0.83), words, directions(text=True), strict=True):
        axes[0].text(0.04, height, f"{name}confident", color=colour, transform=axes[0].transAxes)
    figure.set_label(f"Two kinds of calibration, {title}. {'. '.join(notes)}.")
    return figure


@themed
def against_truth(posterior: np.ndarray, maps: Mapping[str, np.ndarray]) -> Figure:
    """Plot predicted probabilities over the true posterior, which is known for synthetic data.

    The line is the mean P(y=1) over pixels with a similar posterior, and the band their middle
    80 %. Background, whose posterior is 0, is one point; the other pixels fall into bins of equal
    width.

    Args:
        posterior: (N, H, W) true P(y=1).
        maps: label -> (N, H, W) P(y=1) in [0, 1].
    """
    bins = np.ceil(posterior.ravel() * POSTERIOR_BINS).astype(int)  # bin 0 is the background
    occupied = np.unique(bins)
    truth = np.array([posterior.ravel()[bins == k].mean() for k in occupied])
    figure, axes = new_panels(len(maps), 3.1, 3.6, sharey=True)
    notes = []
    for axis, (label, p), (colour, *_) in zip(axes, maps.items(), looks(), strict=False):
        predictions = [p.ravel()[bins == k] for k in occupied]
        mean = np.array([values.mean() for values in predictions])
        low, high = np.transpose([np.quantile(values, (0.1, 0.9)) for values in predictions])
        axis.fill_between(
            truth, low, high, color=colour, alpha=0.25, label="middle 80 % of the predictions"
        )
        axis.plot(truth, mean, "o-", color=colour, label="mean prediction")
        axis.plot([0, 1], [0, 1], "--", color=ink(), linewidth=1, label="f = π")
        axis.set(xlabel="true P(y=1), π", xlim=(0, 1), ylim=(0, 1), title=label)
        points = ", ".join(f"{a:.2f} and {b:.2f}" for a, b in zip(truth, mean, strict=True))
        notes.append(f"{label}, true and mean predicted: {points}")
    axes[0].set_ylabel("predicted P(y=1), f")
    legend_below(figure, axes[0])
    figure.set_label(f"Predicted against true probability of a pixel. {'; '.join(notes)}.")
    return figure
