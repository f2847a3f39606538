"""Figures of the audit, and of temperature scaling and early stopping."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.course.figures.trial import primary_contrasts
from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.course.trial import Effect
from aslp_lib.evaluation.figures.style import (
    BLUE,
    ORANGE,
    draw_legend,
    ink,
    legend_below,
    line_widths,
    looks,
    themed,
)
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.recalibration import Temperature

TEMPERATURES = np.geomspace(0.5, 8, 97)
"""Temperatures of the curves; 1 is among them."""


@themed
def nll_over_temperature(sets: Mapping[str, Counts], title: str) -> Figure:
    """Plot the negative log-likelihood of each set over the temperature, and mark the minima.

    Args:
        sets: label -> counts.
    """
    figure, (axis,) = new_panels(1, 6.2, 4.0, title)
    notes = []
    for (label, counts), (colour, line, mark), width in zip(
        sets.items(), looks(), line_widths(len(sets)), strict=False
    ):
        best = Temperature().fit(counts).value.item()
        at_one, least = _nll(counts, np.array([1.0, best]))
        axis.plot(TEMPERATURES, _nll(counts, TEMPERATURES), line, color=colour, label=label)
        axis.plot(best, least, mark, color=colour, markersize=5 * width, markeredgecolor="black")
        notes.append(f"{label}: minimum {least:.2f} at T = {best:.1f}, {at_one:.2f} at T = 1")
    axis.axvline(1, color=ink(), linestyle=":", linewidth=1)
    axis.set(
        xscale="log", xlabel="temperature T", ylabel="NLL, nats per pixel", ylim=(0, None),
        xticks=(0.5, 1, 2, 4, 8), xticklabels=("0.5", "1", "2", "4", "8"),
    )  # fmt: skip
    axis.minorticks_off()
    axis.legend(fontsize=9)
    figure.set_label(f"{title}, for temperatures from 0.5 to 8. {'; '.join(notes)}.")
    return figure


def _nll(counts: Counts, temperatures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the mean negative log-likelihood at each temperature, in nats per pixel."""
    logits = grey_level_logits(counts.grey_levels)
    margins = np.concatenate([-logits, logits])  # background, then foreground
    pixels = counts.pooled.ravel()
    return np.logaddexp(0, -margins / temperatures[:, None]) @ pixels / pixels.sum()


@themed
def early_stop(log: Sequence[Mapping[str, float]], title: str) -> Figure:
    """Plot a run with early stopping: validation accuracy, confidence and NLL over the epochs.

    A vertical line marks the epoch whose weights are kept.

    Args:
        log: rows with "epoch", "accuracy", "confidence", "nll", "scaled_nll" and "best_epoch".
    """
    figure, (left, right) = new_panels(2, 4, 3.5, title)
    column = {key: np.array([row[key] for row in log]) for key in log[0]}
    epoch, best = column["epoch"], int(log[-1]["best_epoch"])
    left.plot(epoch, 100 * column["confidence"], color=ORANGE, label="confidence")
    left.plot(epoch, 100 * column["accuracy"], "--", color=BLUE, label="accuracy")
    right.plot(epoch, column["nll"], "--", color=ORANGE, label="as trained")
    right.plot(epoch, column["scaled_nll"], color=BLUE, label="temperature-scaled")
    for axis, name in ((left, "%"), (right, "NLL, nats per pixel")):
        axis.axvline(best, color=ink(), linestyle=":", label=f"weights kept: epoch {best}")
        axis.set(xlabel="epoch", ylabel=f"validation, {name}")
        axis.legend()
    stop, last = log[best - 1], log[-1]
    figure.set_label(
        f"{title}. Accuracy and confidence are {100 * stop['accuracy']:.0f} % and "
        f"{100 * stop['confidence']:.0f} % at epoch {best}, whose weights are kept, and "
        f"{100 * last['accuracy']:.0f} % and {100 * last['confidence']:.0f} % at epoch {len(log)}."
    )
    return figure


def verdict(families: Mapping[str, Mapping[str, Effect | None]]) -> Figure:
    """Draw the primary family in words as a forest plot.

    Args:
        families: name of the data set -> its primary family, see `audit.primary`.
    """
    in_lines = {
        name: {label.replace(" against ", "\nagainst "): change for label, change in family.items()}
        for name, family in families.items()
    }
    figure = primary_contrasts(in_lines)
    figure.set_size_inches(10.4, 6.4)
    figure.set_label(str(figure.get_label()).replace("\n", " "))
    return figure


@themed
def memorised_maps(rows: Mapping[str, Sequence[NDArray[np.generic]]]) -> Figure:
    """Draw images in columns: each with its label and with the maps of the networks.

    Args:
        rows: name of a row -> its pictures, (H, W, 3) or (H, W) with values in [0, 1].
    """
    figure, grid = picture_grid(rows, 1.25)
    for axis in grid.flat:
        axis.spines[:].set_visible(True)  # a white map would dissolve into a white page
    count = len(next(iter(rows.values())))
    figure.set_label(
        f"{count} training images with an inverted label map; rows: {', '.join(rows)}."
    )
    return figure


@themed
def two_scores(sets: Mapping[str, Mapping[str, tuple[float, float]]]) -> Figure:
    """Plot the temperature-scaled NLL of methods over their ECE as trained, a panel per data set.

    Args:
        sets: name of the data set -> method -> ECE (a share) and NLL in nats.
    """
    figure, axes = new_panels(len(sets), 4.4, 3.8)
    notes = []
    for axis, (name, methods) in zip(axes, sets.items(), strict=True):
        for (label, (ece, nll)), (colour, _, mark) in zip(methods.items(), looks(), strict=False):
            axis.plot(100 * ece, nll, mark, color=colour, ms=10, mec=ink(), label=label)
        axis.set(title=name, xlabel="ECE as trained, %", ylabel="scaled NLL, nats", xlim=(0, None))
        axis.margins(y=0.12)
        cells = (f"{label} {100 * ece:.1f} %, {nll:.3f}" for label, (ece, nll) in methods.items())
        notes.append(f"{name}: {'; '.join(cells)}")
    draw_legend(figure, *axes[0].get_legend_handles_labels(), width=2.9)
    figure.set_label(
        "ECE as trained and temperature-scaled NLL in nats, means over seeds; the best corner is "
        f"lower left. {'. '.join(notes)}."
    )
    return figure


MISSES = np.geomspace(1.5, 50, 61)
"""Costs of a miss at which `costs` draws the bill."""


@themed
def costs(networks: Mapping[str, tuple[Counts, Counts]]) -> Figure:
    """Plot the cost per 100 pixels over the cost of a miss, of checking nothing, all, or by rule.

    Args:
        networks: label -> counts as trained and temperature-scaled.
    """
    figure, panels = new_panels(2, 4.6, 4.0, sharey=True)
    first, _ = next(iter(networks.values()))
    nothing = 100 * MISSES * first.pooled[1].sum() / first.pixels
    ticks = (2, 5, 10, 20, 50)
    notes = []
    for k, (axis, title) in enumerate(zip(panels, ("as trained", "scaled"), strict=True)):
        axis.plot(MISSES, nothing, ":", color=ink(), label="check nothing")
        axis.axhline(100, color=ink(), linestyle="--", linewidth=1, label="check everything")
        for (label, pair), (colour, line, mark) in zip(networks.items(), looks(), strict=False):
            paid = [100 * bill(pair[k], miss).paid for miss in MISSES]
            axis.plot(MISSES, paid, line, marker=mark, markevery=6, color=colour, label=label)
            at = [f"{100 * bill(pair[k], miss).paid:.0f}" for miss in (4, 12, 30)]
            notes.append(f"{label}, {title}: {', '.join(at)}")
        axis.set(
            title=title, xlabel="cost of a miss", xscale="log", xticks=ticks, xticklabels=ticks,
            ylim=(25, 125),
        )  # fmt: skip
        axis.minorticks_off()
    panels[0].set_ylabel("cost per 100 pixels")
    legend_below(figure, panels[0])
    figure.set_label(
        "Cost per 100 pixels over the cost of a miss, from 1.5 to 50; checking everything costs "
        f"100. At costs of a miss of 4, 12 and 30: {'; '.join(notes)}."
    )
    return figure
