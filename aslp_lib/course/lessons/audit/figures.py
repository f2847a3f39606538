"""Figures of temperature scaling and early stopping: NLL over T, and the history of a run."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import BLUE, ORANGE, ink, line_widths, looks, themed
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
