"""Figures of an experiment: every seed, the means over seeds, and paired differences."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import GREY, ink, looks, new_figure, plain, themed
from aslp_lib.experiments.seed_statistics import Difference, student_interval, verdicts
from aslp_lib.metrics import Score

UNITS = {"%": "%", "nats": "nats per pixel", "": "no unit"}
"""Unit of a score in the label of an axis."""
READABLE = 14
"""Number of labels that fit into the legend in a font that can be read from a projector."""


@themed
def scores_over_seeds(values: Mapping[str, Sequence[float]], score: Score, title: str) -> Figure:
    """Draw a score of every seed, with the mean over seeds and its 95 % interval, a row a method.

    >>> from aslp_lib.metrics import SCORES
    >>> figure = scores_over_seeds({"BCE": [0.1, 0.2], "ASLP": [0.1]}, SCORES["ece"], "test")
    >>> figure.get_label().split(". ")[1]
    'BCE: 15.00, seeds from 10.00 to 20.00; ASLP: 10.00, seeds from 10.00 to 10.00.'

    Args:
        values: label -> score of each seed.
        score: the score, which determines the unit.
        title: name of the set.
    """
    count = max(map(len, values.values()))
    heading = f"{score.title}, {title}, {count} seeds"
    figure, _ = _rows(values, score, heading, f"{score.title}, {UNITS[score.unit]}")
    notes = [
        f"{label}: {score.text(float(np.mean(row)))}, seeds from {score.text(min(row))} to "
        f"{score.text(max(row))}"
        for label, row in values.items()
    ]
    figure.set_label(
        f"{score.title} over {count} seeds, {title}, with the mean and its 95 % interval. "
        f"{'; '.join(notes)}."
    )
    return figure


@themed
def paired_differences(
    differences: Mapping[str, Difference], score: Score, smallest: float, title: str
) -> Figure:
    """Draw differences that are paired by seed, with the mean, its 95 % interval and the verdict.

    The shaded band contains the differences that are too small to matter. The verdicts are
    corrected for the number of rows, the intervals are not (see `seed_statistics.verdicts`).

    >>> from aslp_lib.metrics import SCORES
    >>> paired = Difference(-0.05, -0.06, -0.04, p_value=0.001, values=(-0.04, -0.05, -0.06))
    >>> figure = paired_differences({"ASLP - BCE": paired}, SCORES["nll"], 0.01, "test")
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['better']

    Args:
        differences: "first - second" -> its difference.
        score: the score, which determines the unit.
        smallest: the smallest difference that matters.
        title: name of the set.
    """
    values = {label: paired.values for label, paired in differences.items()}
    heading = f"Differences in {score.title}, {title}"
    unit = "percentage points" if score.unit == "%" else UNITS[score.unit]
    marks = "; grey band: too small to matter" if smallest else ""
    figure, axis = _rows(values, score, heading, f"difference in {score.title}, {unit}", marks)
    axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
    band = _factor(score) * smallest
    axis.axvspan(-band, band, color=GREY, alpha=0.15, linewidth=0, zorder=0)
    notes = []
    words = verdicts(list(differences.values()), smallest, score.better)
    for row, ((label, paired), verdict) in enumerate(zip(differences.items(), words, strict=True)):
        axis.annotate(verdict, (1.02, row), xycoords=("axes fraction", "data"), va="center")
        notes.append(f"{label}: {paired.text(score, '+')}, {verdict}")
    figure.set_label(
        f"Differences in {score.title}, paired by seed, {title}, with mean, 95 % interval and "
        f"verdict. {'; '.join(notes)}."
    )
    return figure


def _rows(
    values: Mapping[str, Sequence[float]], score: Score, title: str, label: str, marks: str = ""
) -> tuple[Figure, Axes]:
    """Draw the values of every row, with their mean and its 95 % interval.

    Args:
        label: label of the horizontal axis.
        marks: explanation of further marks.
    """
    import seaborn

    figure = new_figure(7.6, 1.4 + 0.4 * len(values), title)
    axis = figure.subplots()
    names = [plain(label, 30) for label, row in values.items() for _ in row]
    points = {"x": [_factor(score) * value for row in values.values() for value in row], "y": names}
    seaborn.stripplot(points, x="x", y="y", ax=axis, color=GREY, jitter=False, alpha=0.7, size=6)
    seaborn.pointplot(
        points, x="x", y="y", ax=axis, color=ink(), linestyle="none", marker="D",
        markersize=6, errorbar=student_interval, err_kws={"linewidth": 1.5},
    )  # fmt: skip
    axis.set(ylabel="", ylim=(len(values) - 0.5, -0.5))
    axis.set_xlabel(f"{label}\n(dots: seeds; diamond: mean, 95 % interval{marks})")
    return figure, axis


def _factor(score: Score) -> int:
    """Return the factor from a score's values to its unit on an axis."""
    return 100 if score.unit == "%" else 1


@themed
def in_and_under_shift(
    inside: Mapping[str, Sequence[float]],
    shifted: Mapping[str, Sequence[float]],
    names: tuple[str, str],
    title: str,
) -> Figure:
    """Draw the ECE in distribution against the ECE under distribution shift, a mark per method.

    A mark is the mean over seeds; its bars are the standard deviations over seeds.

    >>> figure = in_and_under_shift({"BCE": [0.02]}, {"BCE": [0.1]}, ("test", "SOD"), "1 seed")
    >>> figure.get_label().split("; ")[1]
    'the nearer to the lower left corner, the better. BCE: 2.0 % and 10.0 %.'

    Args:
        inside: label -> ECE of each seed, in [0, 1], on the set that resembles the training set.
        shifted: label -> ECE of each seed on the shifted set.
        names: names of the two sets.
        title: title of the figure.
    """
    figure = new_figure(8.6, 5.6, title)
    axis = figure.subplots()
    notes = []
    look = looks(inside)
    for label, values in inside.items():
        colour, _, mark = look[label]
        (x, dx), (y, dy) = (_spread(errors) for errors in (values, shifted[label]))
        axis.errorbar(
            x, y, dy, dx, fmt=mark, color=colour, markersize=7, markeredgecolor="black",
            markeredgewidth=0.6, elinewidth=1, label=plain(label, 30),
        )  # fmt: skip
        notes.append(f"{label}: {x:.1f} % and {y:.1f} %")
    axis.set(xlabel=f"ECE, {names[0]}, %", xlim=(0, None))
    axis.set(ylabel=f"ECE, {names[1]}, %", ylim=(0, None))
    figure.legend(fontsize=9 if len(inside) <= READABLE else 7, loc="outside right upper")
    figure.set_label(
        f"Calibration error on {names[0]} against that on {names[1]}, {title}; the nearer to the "
        f"lower left corner, the better. {'; '.join(notes)}."
    )
    return figure


def _spread(shares: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard deviation in percent. The deviation of a single seed is 0."""
    values = 100 * np.asarray(shares)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
