"""Figures of training runs over epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.curves import label_ends
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import OF_METHODS, directions, ink, looks, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


@themed
def confidence_and_accuracy(
    runs: Mapping[str, Sequence[tuple[Counts, float]]], first: int = 6
) -> Figure:
    """Plot validation confidence and accuracy over epochs, their difference, and the mean dose.

    A dose that is always 0 is not drawn. Any other has a panel of its own, with MC's bound.

    Args:
        runs: label of a method -> after each epoch, counts of the validation images and mean dose.
        first: first epoch that is shown. Before it, the accuracy may be that of guessing.
    """
    dosed = [title for title, seen in runs.items() if any(dose for _, dose in seen)]
    figure, axes = new_panels(len(runs) + len(dosed), 3.2, 3.2)
    below = iter(axes[len(runs) :])
    notes = []
    for axis, (title, seen) in zip(axes, runs.items(), strict=False):
        axis.sharey(axes[0])
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
        axis.plot(epoch, confidence, color=_colour(title), linewidth=2.5, label="confidence")
        axis.plot(epoch, accuracy, color=ink(), linewidth=1, label="accuracy")
        gap = confidence[-1] - accuracy[-1]
        words = f"{'over' if gap > 0 else 'under'}confident\nby {abs(gap):.0f} points"
        lower = min(confidence[-1], accuracy[-1])
        place = 0.7 * epoch[-1], lower + abs(gap) / 2 if abs(gap) > 5 else lower - 4
        shade = directions(text=True)[int(gap < 0)]
        axis.text(*place, words, fontsize=9, color=shade, ha="center", va="center")
        axis.set(title=title, ylabel="%")
        notes.append(
            f"{title} {confidence[-1]:.1f} and {accuracy[-1]:.1f} %, {words}".replace("\n", " ")
        )
        if title in dosed:
            dose = np.array(doses[first - 1 :])
            under = next(below)
            under.plot(epoch, dose, color=_colour(title), linewidth=2, label="dose")
            under.plot(epoch, 2 - accuracy / 50, ":", color=ink(), label="at MC's bound")
            under.set(title=f"dose, {title}", ylabel="mean dose", ylim=(0, None))
            notes[-1] += f", mean dose {dose[-1]:.2f}"
    for axis in axes:
        axis.set(xlabel="epoch", xlim=(0, len(counts)))
        axis.set_xticks(range(0, len(counts) + 1, 20))
    for axis in axes:
        label_ends(axis, axis.lines[:2])
    figure.set_label(f"Confidence and accuracy over epochs. At the end, {'; '.join(notes)}.")
    return figure


@themed
def stopped_and_last(
    nll: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str
) -> Figure:
    """Plot the NLL of early-stopped and last networks, joined by seed, and what stopping saves.

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
        saved = f"saved {means[1] - means[0]:.3f}"
        axis.text(place, 0.99, saved, transform=axis.get_xaxis_transform(), ha="center", va="top")
        notes.append(f"{name}: {means[0]:.3f} and {means[1]:.3f}, {saved}")
    axis.margins(y=0.12)
    axis.set(xlim=(-0.6, len(nll) - 0.4), ylabel="scaled NLL, nats")
    axis.set_xticks(range(len(nll)), [name.replace(", ", ",\n") for name in nll])
    figure.set_label(
        f"{title}. NLL of early-stopped and of last networks, joined for each seed; means: "
        f"{'; '.join(notes)}."
    )
    return figure


def _colour(title: str) -> str:
    """Return the colour of the method that a title names, which is BCE if it names no other."""
    named = (name for name in ("ASLP", "constant alpha") if name in title)
    return OF_METHODS[next(named, "BCE")]
