"""Figures of training runs over epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import OF_METHODS, directions, ink, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


@themed
def confidence_and_accuracy(runs: Mapping[str, Sequence[Counts]], first: int = 6) -> Figure:
    """Plot validation confidence and accuracy over epochs, with the difference shaded.

    Args:
        runs: label of a method -> counts of the validation images after each epoch.
        first: first epoch that is shown. Before it, the accuracy may be that of guessing.
    """
    figure, axes = new_panels(len(runs), 4.4, 3.2, sharey=True)
    notes = []
    for axis, (title, counts) in zip(axes, runs.items(), strict=True):
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
        for name, curve in {"confidence": confidence, "accuracy": accuracy}.items():
            axis.text(epoch[-1], curve[-1], f" {name}", fontsize=10, va="center")
        gap = confidence[-1] - accuracy[-1]
        words = f"{'over' if gap > 0 else 'under'}confident by {abs(gap):.0f} points"
        place = 0.7 * epoch[-1], (confidence[-1] + accuracy[-1]) / 2
        shade = directions(text=True)[int(gap < 0)]
        axis.text(*place, words, fontsize=10, color=shade, ha="center", va="center")
        axis.set(xlim=(0, 1.28 * epoch[-1]), ylim=(60, 100), title=title, xlabel="epoch")
        axis.set_xticks(range(0, len(counts) + 1, 20))
        notes.append(f"{title} {confidence[-1]:.1f} and {accuracy[-1]:.1f} %, {words}")
    axes[0].set(ylabel="%")
    figure.set_label(f"Confidence and accuracy over epochs. At the end, {'; '.join(notes)}.")
    return figure


@themed
def best_epochs(runs: Mapping[str, Sequence[float]], title: str, first: int = 10) -> Figure:
    """Plot the recalibrated NLL of runs over epochs, its lowest value, and the rise from it.

    Args:
        runs: title of a panel -> NLL after each epoch. A title without ASLP is one of BCE.
        title: title of the figure.
        first: epoch of the first value.
    """
    figure, axes = new_panels(len(runs), 4.4, 3.2, title, sharey=True)
    everything = np.concatenate([*runs.values()])
    room = 0.25 * np.ptp(everything)  # for the names of the best epochs
    limits, notes = (everything.min() - room, everything.max() + room / 5), []
    for axis, (name, values) in zip(axes, runs.items(), strict=True):
        nll, colour = np.asarray(values), _colour(name)
        epoch = first + np.arange(len(nll))
        best = nll.argmin()
        axis.plot(epoch, nll, color=colour, linewidth=2)
        axis.plot(epoch[best], nll[best], "o", color=colour, ms=8)
        axis.hlines(nll[best], epoch[best], epoch[-1] + 2, color=ink(), linewidth=1)
        axis.text(
            epoch[best], nll[best] - room / 4, f"best: epoch {epoch[best]}", ha="center", va="top"
        )
        rise = nll[-1] - nll[best]
        axis.vlines(epoch[-1] + 2, nll[best], nll[-1], color=ink(), linewidth=1)
        axis.text(epoch[-1] + 3, (nll[best] + nll[-1]) / 2, f"+{rise:.2f}", va="center")
        axis.set(xlim=(first - 5, epoch[-1] + 12), ylim=limits, title=name, xlabel="epoch")
        axis.set_xticks(range(20, epoch[-1] + 1, 20))
        ends = f"lowest {nll[best]:.2f} at epoch {epoch[best]}"
        notes.append(f"{name}: {ends}, {nll[-1]:.2f} at epoch {epoch[-1]}")
    axes[0].set(ylabel="NLL, nats")
    figure.set_label(f"{title}. NLL, undone and scaled, over epochs. {'; '.join(notes)}.")
    return figure


def _colour(title: str) -> str:
    """Return the colour of the method that a title names, which is BCE if it names no other."""
    named = (name for name in ("ASLP", "constant alpha") if name in title)
    return OF_METHODS[next(named, "BCE")]
