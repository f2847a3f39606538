"""Figures of training runs over epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aslp_lib.course.figures.curves import label_ends
from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, directions, ink, themed
from aslp_lib.experiments.seed_statistics import student_interval
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
    figure, axes = new_panels(len(runs) + len(dosed), 3.5, 3.2)
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
        middle = 0.69 * epoch[-1], lower + abs(gap) / 2 if abs(gap) > 5 else lower - 4
        shade = directions(text=True)[int(gap < 0)]
        axis.text(*middle, words, fontsize=9, color=shade, ha="center", va="center")
        axis.set(title=title, ylabel="%")
        notes.append(
            f"{title} {confidence[-1]:.1f} and {accuracy[-1]:.1f} %, {words}".replace("\n", " ")
        )
        if title in dosed:
            dose = np.array(doses[first - 1 :])
            under = next(below)
            under.plot(epoch, dose, color=_colour(title), linewidth=2, label="dose")
            under.plot(epoch, 2 - accuracy / 50, color=ink(), linewidth=1, label="2 × MC's bound")
            under.set(title=title, ylabel="mean dose", ylim=(0, None))
            notes[-1] += f", mean dose {dose[-1]:.2f}"
    for axis in axes:
        axis.set(xlabel="epoch", xlim=(0, len(counts)))
        axis.set_xticks(range(0, len(counts) + 1, 20))
    for axis in axes:
        label_ends(axis, axis.lines[:2])
    figure.set_label(f"Confidence and accuracy over epochs. At the end, {'; '.join(notes)}.")
    return figure


@themed
def savings(
    groups: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    score: str,
) -> Figure:
    """Plot what early stopping saves with each seed, its mean and 95 % interval.

    Marks of a frozen switch are hollow. Beside them stand the mean NLL of the early-stopped
    networks and of the last ones, and what is saved.

    Args:
        groups: heading -> method -> NLL of its early-stopped networks, and of its last ones, one a
            seed.
        score: name of the NLL, without its unit.
    """
    columns = "early-\nstopped", "last\nepoch", "saved"
    lines = len(groups) + sum(map(len, groups.values()))
    figure, (axis, table) = new_panels(
        2, 4.4, 1.4 + 0.3 * lines, sharey=True, width_ratios=(9, 3.9)
    )
    table.set(xlim=(-0.5, len(columns) - 0.5))
    table.set_axis_off()
    ticks: list[str] = []
    notes = []
    for heading, group in groups.items():
        ticks.append(heading)
        for name, (stopped, last) in group.items():
            saved = np.subtract(last, stopped)
            mean, (low, high) = saved.mean(), student_interval(saved.tolist())
            place, colour = len(ticks), _colour(name)
            ticks.append(name)
            fill, alpha = (axis.get_facecolor(), 1) if "frozen" in name else (colour, 0.5)
            seeds = np.full(len(saved), place - 0.12)
            axis.plot(saved, seeds, "o", color=colour, mfc=fill, ms=4, alpha=alpha)
            axis.plot([low, high], [place + 0.22] * 2, color=colour, linewidth=2.5)
            axis.plot(mean, place + 0.22, "D", color=colour, mfc=fill, ms=7)
            numbers = [f"{x:.3f}" for x in (np.mean(stopped), np.mean(last), mean)]
            for x, number in enumerate(numbers):
                table.text(x, place, number, ha="center", va="center", fontsize=10)
            notes.append(
                f"{heading}, {name}: {numbers[0]} and {numbers[1]}, saved {numbers[2]} "
                f"[{low:.3f} to {high:.3f}]"
            )
    for x, title in enumerate(columns):
        table.text(x, -0.2, title, ha="center", va="center", weight="bold", fontsize=10)
    axis.axvline(0, color=ink(), linewidth=1)
    axis.set(xlabel=f"saved by early stopping: {score}, nats", ylim=(len(ticks) - 0.4, -0.6))
    axis.set_yticks(range(len(ticks)), ticks)
    axis.tick_params(axis="y", length=0)
    for label in axis.get_yticklabels():
        if label.get_text() in groups:
            label.set_weight("bold")
    seed = Line2D([], [], color=GREY, marker="o", linestyle="", ms=4, label="a seed")
    mean_of_seeds = Line2D(
        [], [], color=GREY, marker="D", linewidth=2.5, ms=7, label="mean, 95 % interval over seeds"
    )
    axis.legend(handles=[seed, mean_of_seeds], loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    figure.set_label(
        f"What early stopping saves, in {score}: a dot per seed, mean and 95 % interval. NLL of "
        f"early-stopped and of last networks: {'; '.join(notes)}."
    )
    return figure


@themed
def one_label(maps: Mapping[str, np.ndarray]) -> Figure:
    """Show an image, what is known of it, and predictions, each under its title."""
    figure, grid = picture_grid({"": maps.values()}, 1.25)
    for axis, title in zip(grid[0], maps, strict=True):
        axis.set_title(title, fontsize=10)
        axis.spines[:].set_visible(True)
    titles = ", ".join(maps).replace("\n", " ")
    figure.set_label(
        f"Pictures: {titles}. Black is a probability of 0, white of 1. The label lacks the shape. "
        f"After 80 epochs, BCE has lost it, and ASLP has not."
    )
    return figure


def _colour(title: str) -> str:
    """Return the colour of the method that a title names, which is BCE if it names no other."""
    named = (name for name in ("ASLP", "constant alpha", "label smoothing") if name in title)
    return OF_METHODS[next(named, "BCE")]
