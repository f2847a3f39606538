"""Figures of temperature scaling and early stopping: what they repair, and what they leave."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.bill import bill
from aslp_lib.evaluation.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    ink,
    legend_below,
    line_widths,
    looks,
    themed,
)
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.recalibration import Temperature

TEMPERATURES = np.geomspace(0.25, 16, 97)
"""Temperatures of the curves; 1 is among them."""
LEVELS = 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1
"""Ticks of the logarithmic NLL axis, in nats."""


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
        (least,) = _nll(counts, np.array([best]))
        axis.plot(TEMPERATURES, _nll(counts, TEMPERATURES), line, color=colour, label=label)
        axis.plot(best, least, mark, color=colour, markersize=5 * width, markeredgecolor="black")
        notes.append(f"{label} at T = {best:.2g}")
    axis.axvline(1, color=ink(), linestyle=":", linewidth=1)
    axis.set(
        xscale="log", yscale="log", xlabel="temperature T", ylabel="NLL, nats per pixel",
        xticks=(0.25, 0.5, 1, 2, 4, 8, 16), xticklabels=("0.25", "0.5", "1", "2", "4", "8", "16"),
        yticks=LEVELS, yticklabels=[f"{level:g}" for level in LEVELS],
    )  # fmt: skip
    axis.minorticks_off()
    axis.legend(fontsize=9)
    figure.set_label(f"{title}, for temperatures from 0.25 to 16. Minima: {', '.join(notes)}.")
    return figure


def _nll(counts: Counts, temperatures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the mean negative log-likelihood at each temperature, in nats per pixel."""
    logits = grey_level_logits(counts.grey_levels)
    margins = np.concatenate([-logits, logits])  # background, then foreground
    pixels = counts.pooled.ravel()
    return np.logaddexp(0, -margins / temperatures[:, None]) @ pixels / pixels.sum()


@themed
def memorising(log: Sequence[Mapping[str, float]], title: str) -> Figure:
    """Plot the training loss beside validation accuracy and confidence, over the epochs.

    Args:
        log: rows with "epoch", "loss", "accuracy" and "confidence".
    """
    figure, (left, right) = new_panels(2, 4, 3.3, title)
    column = {key: np.array([row[key] for row in log]) for key in log[0]}
    epoch, accuracy, confidence = column["epoch"], column["accuracy"], column["confidence"]
    left.plot(epoch, column["loss"], color=ink())
    left.set(xlabel="epoch", ylabel="training loss, nats per pixel", ylim=(0, None))
    right.plot(epoch, 100 * confidence, color=ORANGE, label="confidence")
    right.plot(epoch, 100 * accuracy, "--", color=BLUE, label="accuracy")
    right.set(xlabel="epoch", ylabel="validation, %")
    right.legend(loc="lower right")
    meets = int(np.argmax(confidence >= accuracy))
    figure.set_label(
        f"{title}. The training loss falls from {column['loss'][0]:.2f} to "
        f"{column['loss'][-1]:.2f}. Validation confidence passes accuracy near epoch "
        f"{10 * round(epoch[meets] / 10):.0f}; at the end they are {100 * confidence[-1]:.0f} % "
        f"and {100 * accuracy[-1]:.0f} %."
    )
    return figure


@themed
def paid_over_checked(counts: Counts, marked: Mapping[str, Counts], miss: float) -> Figure:
    """Plot what is paid over the share of pixels that is checked, in the order of P(y=1).

    Args:
        counts: counts of a network, whose order of the pixels makes the curve.
        marked: label -> counts of the same pixels whose threshold 1 / `miss` is marked.
        miss: cost of an unchecked foreground pixel; a check costs 1.
    """
    figure, (axis,) = new_panels(1, 6.2, 3.8)
    background, foreground = counts.pooled[:, ::-1]  # the highest P(y=1) is checked first
    checked = np.append(0, np.cumsum(background + foreground)) / counts.pixels
    missed = (foreground.sum() - np.append(0, np.cumsum(foreground))) / counts.pixels
    paid = checked + miss * missed
    axis.plot(100 * checked, 100 * paid, color=ink(), label="this order, any number of checks")
    axis.axhline(100 * paid.min(), color=GREY, linestyle=":", label="least for this order")
    perfect = foreground.sum() / counts.pixels  # each foreground pixel is checked, and no other
    axis.axhline(100 * perfect, color=BLUE, linestyle="--", label="least for a perfect order")
    notes = [f"least {100 * paid.min():.0f}, for a perfect order {100 * perfect:.0f}"]
    for (label, each), (colour, _, mark) in zip(marked.items(), looks(), strict=False):
        share = each.pooled[:, miss * each.probabilities > 1].sum() / each.pixels
        cost = bill(each, miss).paid
        axis.plot(
            100 * share, 100 * cost, mark, color=colour, label=label, markersize=9,
            markeredgecolor="black",
        )  # fmt: skip
        notes.append(f"{label} checks {100 * share:.0f} % and pays {100 * cost:.0f}")
    axis.set(
        xlabel="pixels checked, %", ylabel="paid for 100 pixels", xlim=(15, 102), ylim=(20, 110)
    )
    axis.legend(loc="upper center")
    figure.set_label(
        f"Paid bill over the share of checked pixels, if a miss costs {miss:g}: {'; '.join(notes)}."
    )
    return figure


@themed
def gaps(kinds: Mapping[str, tuple[Counts, Counts]], title: str) -> Figure:
    """Draw confidence minus accuracy of kinds of pixels, before and after recalibration.

    Args:
        kinds: label -> counts before and after.
    """
    figure, (axis,) = new_panels(1, 6.6, 1.3 + 0.3 * len(kinds))
    axis.axvline(0, color=ink(), linewidth=1)
    notes = []
    for row, (label, pair) in enumerate(kinds.items()):
        before, after = (100 * calibration.gap(counts) for counts in pair)
        axis.plot([before, after], [row, row], color=GREY, linewidth=1.5, zorder=1)
        named = ("as trained", "temperature-scaled") if row == 0 else (None, None)
        axis.plot(before, row, "o", color=ORANGE, markeredgecolor="black", ms=7, label=named[0])
        axis.plot(after, row, "s", color=BLUE, markeredgecolor="black", ms=7, label=named[1])
        notes.append(f"{label} {before:+z.0f} → {after:+z.0f}")
    axis.set(
        title=title, xlabel="confidence minus accuracy, points", ylim=(len(kinds) - 0.5, -0.5),
        yticks=range(len(kinds)), yticklabels=kinds,
    )  # fmt: skip
    legend_below(figure, axis)
    figure.set_label(
        f"{title}: confidence minus accuracy in points, before → after. {'; '.join(notes)}."
    )
    return figure
