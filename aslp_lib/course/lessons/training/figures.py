"""Figures of training runs over epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import OF_METHODS, directions, ink, looks, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


@themed
def confidence_and_accuracy(
    runs: Mapping[str, Sequence[tuple[Counts, float]]], first: int = 6
) -> Figure:
    """Plot validation confidence and accuracy over epochs, their difference, and the mean dose.

    A dose that is always 0 is not drawn.

    Args:
        runs: label of a method -> after each epoch, counts of the validation images and mean dose.
        first: first epoch that is shown. Before it, the accuracy may be that of guessing.
    """
    figure, axes = new_panels(len(runs), 4.4, 4, sharey=True)
    notes = []
    for axis, (title, seen) in zip(axes, runs.items(), strict=True):
        counts, doses = zip(*seen, strict=True)
        epoch = np.arange(first, len(counts) + 1)
        shown = counts[first - 1 :]
        confidence = 100 * np.array([calibration.confidence(c) for c in shown])
        accuracy = 100 * np.array([calibration.accuracy(c) for c in shown])
        for where, shade in zip(
            (confidence > accuracy, confidence < accuracy), directions(), strict=True
        ):
            axis.fill_between(
                epoch, confidence, accuracy, where=where, color=shade, alpha=0.3, linewidth=0,
                interpolate=True,
            )  # fmt: skip
        axis.plot(epoch, confidence, color=_colour(title), linewidth=2.5)
        axis.plot(epoch, accuracy, color=ink(), linewidth=1)
        curves = {"confidence": confidence, "accuracy": accuracy}
        if any(doses):
            curves["mean dose"] = 100 * np.array(doses[first - 1 :])
            axis.plot(epoch, curves["mean dose"], color=_colour(title), linewidth=1.2)
        for name, curve in curves.items():
            axis.text(epoch[-1], curve[-1], f" {name}", fontsize=10, va="center")
        gap = confidence[-1] - accuracy[-1]
        words = f"{'over' if gap > 0 else 'under'}confident by {abs(gap):.0f} points"
        place = 0.7 * epoch[-1], (confidence[-1] + accuracy[-1]) / 2
        shade = directions(text=True)[int(gap < 0)]
        axis.text(*place, words, fontsize=10, color=shade, ha="center", va="center")
        axis.set(xlim=(0, 1.28 * epoch[-1]), ylim=(0, 100), title=title, xlabel="epoch")
        axis.set_xticks(range(0, len(counts) + 1, 20))
        dose = f", mean dose {100 * doses[-1]:.0f} %" if any(doses) else ""
        notes.append(f"{title} {confidence[-1]:.1f} and {accuracy[-1]:.1f} %, {words}{dose}")
    axes[0].set(ylabel="%")
    figure.set_label(f"Confidence and accuracy over epochs. At the end, {'; '.join(notes)}.")
    return figure


@themed
def stopped_and_last(
    nll: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str
) -> Figure:
    """Plot the NLL of early-stopped and of last networks, joined for each seed, and the means.

    Args:
        nll: method -> NLL of its early-stopped networks, and of its last ones, one a seed.
        title: title of the figure.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.8, title)
    notes = []
    for place, (name, (colour, _, _)) in enumerate(looks(nll).items()):
        values, sides = np.array(nll[name]), place + np.array([-0.12, 0.12])
        axis.plot(sides, values, color=colour, linewidth=0.8, alpha=0.6)
        means = values.mean(axis=1)
        for side, row, mean, fill, align in zip(
            sides, values, means, ("none", "full"), ("right", "left"), strict=True
        ):
            axis.plot(np.full(len(row), side), row, "o", color=colour, fillstyle=fill, alpha=0.7)
            gap = 0.07 if align == "left" else -0.07
            axis.text(side + gap, mean, f"{mean:.3f}", ha=align, va="center")
        notes.append(f"{name} {means[0]:.3f} and {means[1]:.3f}")
    axis.set(xlim=(-0.5, len(nll) - 0.5), ylabel="scaled NLL, nats")
    axis.set_xticks(range(len(nll)), [name.replace(", ", ",\n") for name in nll])
    figure.set_label(f"{title}, joined for each seed. Means: {'; '.join(notes)}.")
    return figure


def _colour(title: str) -> str:
    """Return the colour of the method that a title names, which is BCE if it names no other."""
    named = (name for name in ("ASLP", "constant alpha") if name in title)
    return OF_METHODS[next(named, "BCE")]
