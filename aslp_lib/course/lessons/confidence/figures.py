"""Figures of predicted probabilities against outcomes and against the true posterior."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, ink, legend_below, looks, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.top_label import Of

POSTERIOR_BINS = 8


@themed
def readings(counts: Counts, title: str) -> Figure:
    """Plot the two readings of calibration: of the predicted class, and of P(y=1).

    A dot shows the frequency of the outcome in a bin over the bin's mean probability; the larger
    the dot, the more pixels the bin has. A bar leads to it from the diagonal.
    """
    columns: tuple[tuple[Of, str, str], ...] = (
        ("prediction", "confidence max(f, 1 − f), %", "accuracy, %"),
        ("foreground", "f = P(y=1), %", "share of foreground, %"),
    )
    figure, axes = new_panels(2, 3.6, 3.8, title)
    notes = []
    for axis, (of, name, outcome) in zip(axes, columns, strict=True):
        table = calibration.reliability(counts, of=of)
        full = table.pixels > 0
        x, y = 100 * table.confidence[full], 100 * table.accuracy[full]
        axis.plot([0, 100], [0, 100], "--", color=ink(), linewidth=1)
        axis.vlines(x, x, y, color=GREY, linewidth=4, alpha=0.6)
        axis.scatter(x, y, s=12 + 150 * table.share[full], color=ink(), linewidth=0, zorder=3)
        axis.set(xlabel=name, ylabel=outcome, xlim=(0, 100), ylim=(0, 100))
        ece = 100 * calibration.ece(counts, of=of)
        axis.set_title(f"ECE {ece:.1f} %")
        points = ", ".join(f"{a:.0f} and {b:.0f}" for a, b in zip(x, y, strict=True))
        notes.append(f"{name[:-3]} and {outcome[:-3]}: ECE {ece:.1f} %; in percent, {points}")
    figure.set_label(f"Two readings of calibration, {title}. {'. '.join(notes)}.")
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
        axis.fill_between(truth, low, high, color=colour, alpha=0.25, label="middle 80 % of pixels")
        axis.plot(truth, mean, "o-", color=colour, label="mean")
        axis.plot([0, 1], [0, 1], "--", color=ink(), linewidth=1, label="true posterior")
        axis.set(xlabel="true P(y=1)", xlim=(0, 1), ylim=(0, 1), title=label)
        points = ", ".join(f"{a:.2f} and {b:.2f}" for a, b in zip(truth, mean, strict=True))
        notes.append(f"{label}, true and mean predicted: {points}")
    axes[0].set_ylabel("predicted P(y=1)")
    legend_below(figure, axes[0])
    figure.set_label(f"Predicted against true probability of a pixel. {'; '.join(notes)}.")
    return figure
