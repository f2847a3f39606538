"""Figures of confidence and accuracy, and of a laboratory's bills, over training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.bill.decision import Bill
from aslp_lib.evaluation.figures.style import OF_METHODS, directions, draw_legend, ink, themed

Log = Sequence[Mapping[str, float]]


@themed
def confidence_and_accuracy(logs: Mapping[str, Log], best: float | None = None) -> Figure:
    """Plot validation confidence and accuracy over epochs, with the difference shaded.

    Args:
        logs: title of a panel -> rows of a training log. A title without ASLP is one of BCE.
        best: accuracy of deciding by the true posterior, drawn as a line.
    """
    figure, axes = new_panels(len(logs), 3.6, 3.4, sharey=True)
    notes = []
    for axis, (title, log) in zip(axes, logs.items(), strict=True):
        keys = "epoch", "confidence", "accuracy"
        epoch, confidence, accuracy = np.array([[row[key] for key in keys] for row in log]).T
        colour = OF_METHODS["ASLP" if "ASLP" in title else "BCE"]
        curves = {"confidence": 100 * confidence, "accuracy": 100 * accuracy}
        sides = dict(zip(("overconfident", "underconfident"), directions(), strict=True))
        _draw(axis, epoch, curves, sides, colour)
        gap = 100 * (confidence[-1] - accuracy[-1])
        points = f"{gap:+.0f}".replace("-", "\N{MINUS SIGN}")
        place = 1.03 * epoch[-1], 50 * (confidence[-1] + accuracy[-1])
        axis.text(*place, points, va="center", color=directions(text=True)[int(gap < 0)])
        axis.set(xlim=(0, 1.14 * epoch[-1]), ylim=(50, 100), title=title)
        if best is not None:
            axis.axhline(100 * best, xmax=1 / 1.14, color=ink(), linestyle="-.", linewidth=1)
            axis.text(0, 101 * best, " deciding by the true π", fontsize=9, va="bottom")
        ends = " and ".join(f"{curve[-1]:.1f}" for curve in curves.values())
        nearest = epoch[abs(confidence - accuracy).argmin()]
        notes.append(f"{title}: {ends} % ({points} points), nearest at epoch {nearest:.0f}")
    axes[0].set(ylabel="confidence and accuracy, %")
    handles, labels = axes[0].get_legend_handles_labels()
    draw_legend(figure, handles, labels, 1.6)
    figure.set_label(f"Confidence and accuracy over training. At the end, {'; '.join(notes)}.")
    return figure


@themed
def plan_and_bill(
    panels: Mapping[str, Mapping[int, Bill]], marks: Mapping[str, Sequence[int]]
) -> Figure:
    """Plot the plan and the paid bill of BCE over epochs.

    Args:
        panels: title, in which "scaled" stands for dashed lines -> epoch -> bill per pixel.
        marks: title -> epochs that are marked.
    """
    figure, axes = new_panels(len(panels), 5.2, 3.4, sharey=True)
    over, under = directions()
    sides = {
        "the plan is too high (underconfident on unchecked pixels)": under,
        "the plan is too low (overconfident on unchecked pixels)": over,
    }
    notes = []
    for axis, (title, bills) in zip(axes, panels.items(), strict=True):
        plan, paid = 100 * np.array([(b.expected, b.paid) for b in bills.values()]).T
        epoch, line = np.array([*bills]), "--" if "scaled" in title else "-"
        _draw(axis, epoch, {"plan": plan, "paid": paid}, sides, OF_METHODS["BCE"], line)
        axis.axhline(100, color=ink(), linestyle="-.", linewidth=1)
        axis.text(epoch[-1], 101, "check everything", fontsize=9, ha="right", va="bottom")
        for row, at in enumerate(marks[title]):
            low = 6 * row + 23
            axis.vlines(at, low, 100 * min(bills[at][:2]), color=ink(), linewidth=1)
            axis.text(at + 0.6, low, f"epoch {at}", fontsize=9)
        axis.set(xlim=(0, 62), ylim=(20, 112), title=title)
        for at in (*marks[title], epoch[-1]):
            ends = f"{100 * bills[at].expected:.0f} and {100 * bills[at].paid:.0f}"
            notes.append(f"{title}, epoch {at}: {ends}")
    axes[0].set_ylabel("bill of 100 pixels")
    handles, labels = axes[0].get_legend_handles_labels()
    draw_legend(figure, handles, labels, 5)
    figure.set_label(f"Plan and paid bill of 100 pixels over epochs. {'; '.join(notes)}.")
    return figure


@themed
def kept_epochs(first: Sequence[float], second: Sequence[float]) -> Figure:
    """Plot the epoch that early stopping keeps with BCE and with constant alpha, seed by seed.

    Args:
        first, second: kept epochs of BCE and of constant alpha, in the same order of seeds.
    """
    figure, (axis,) = new_panels(1, 4.2, 3.2)
    pairs, names = np.array([first, second]), ("BCE", "constant alpha")
    axis.plot([0, 1], pairs, color=ink(), linewidth=1, alpha=0.3)
    medians = np.median(pairs, axis=1)
    for place, name in enumerate(names):
        look: Any = {"color": OF_METHODS[name], "zorder": 3}
        axis.scatter([place] * len(first), pairs[place], alpha=0.6, **look)
        axis.hlines(medians[place], place - 0.2, place + 0.2, linewidth=3, **look)
        beside = place + (0.32 if place else -0.32)
        axis.text(beside, medians[place], f"{medians[place]:.0f}", ha="center", va="center")
    axis.set(xlim=(-0.4, 1.4), ylim=(0, 140), ylabel="kept epoch of 140")
    axis.set_title(f"{len(first)} seeds, and their medians")
    axis.set_xticks([0, 1], names)
    later = (pairs[1] > pairs[0]).sum()
    figure.set_label(
        f"Kept epoch of each seed. Median: {medians[0]:.0f} with BCE, {medians[1]:.0f} with "
        f"constant alpha, which is later in {later} of {len(first)} seeds."
    )
    return figure


def _draw(
    axis: Axes, epoch: np.ndarray, curves: Mapping[str, np.ndarray], sides: Mapping[str, str],
    colour: str, line: str = "-",
) -> None:  # fmt: skip
    """Draw what was promised and what was kept over epochs, and the area between them.

    Args:
        curves: name -> what was promised, and the same of what was kept.
        sides: label -> colour, where the promise is above and where it is below.
    """
    promised, kept = curves.values()
    places = zip((promised > kept, promised < kept), sides.items(), strict=True)
    for where, (side, shade) in places:
        axis.fill_between(
            epoch, promised, kept, where=where, color=shade, label=side, alpha=0.3, linewidth=0,
            interpolate=True,
        )  # fmt: skip
    axis.plot(epoch, promised, line, color=colour, linewidth=2.5)
    axis.plot(epoch, kept, line, color=ink(), linewidth=1)
    for name, curve in curves.items():
        above = curve[-1] == max(promised[-1], kept[-1])
        place, align = curve[-1] + (0.8 if above else -1.5), "bottom" if above else "top"
        axis.text(epoch[-1], place, name, fontsize=9, ha="right", va=align)
    axis.set(xlabel="epoch")
