"""Figures of announced confidences, of the entropy of predictions, and of that of targets."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import entr

from aslp_lib.course.figures.panels import POINT, new_panels
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, looks, themed

BESIDE = {"textcoords": "offset points"}


@themed
def hunches(
    accuracy: NDArray[np.float64], safe: NDArray[np.float64], bold: NDArray[np.float64]
) -> Figure:
    """Plot the log loss of two announcements over the truth, with what a hunch gains and costs.

    Args:
        accuracy: accuracies in % that the half which the hunch takes for the easier one may have.
        safe: log loss of the same confidence on both halves, for each of them.
        bold: log loss of the hunch.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.6, "A wrong hunch costs more than a right one gains")
    axis.plot(accuracy, safe, color=ink())
    axis.plot(accuracy, bold, color=GREY)
    before, after = (bold - safe)[[0, -1]]
    axis.vlines(accuracy[[0, -1]], safe[[0, -1]], bold[[0, -1]], color=GREY, linewidth=4, alpha=0.5)
    wrong, right = f"wrong: costs {before:.2f}", f"right: gains {-after:.2f}"
    axis.annotate(wrong, (accuracy[0], (safe[0] + bold[0]) / 2), (8, 0), va="center", **BESIDE)
    axis.annotate(right, (accuracy[-1], bold[-1]), (0, -6), ha="right", va="top", **BESIDE)
    third = len(accuracy) // 3
    axis.annotate("96 % and 76 %", (accuracy[third], bold[third]), (6, 4), **BESIDE)
    axis.annotate("86 % and 86 %", (accuracy[third], safe[third]), (0, -14), ha="center", **BESIDE)
    axis.set(xlabel="true accuracy of the half that was given 96 %, in %", ylabel="log loss, nats")
    axis.set(ylim=(0.3, 0.6), xticks=(76, 81, 86, 91, 96))
    figure.set_label(
        f"Log loss over the true accuracy of one half: {wrong} nats; {right} nats. "
        f"The same confidence on both halves costs {safe[0]:.2f} nats everywhere."
    )
    return figure


@themed
def entropies(points: Mapping[str, NDArray[np.float64]], title: str) -> Figure:
    """Plot mean entropies over mean confidences, below the entropy of a single confidence.

    Args:
        points: label -> mean confidence in [0, 1], and mean entropy in nats. A line joins the
            first two.
        title: the message of the figure.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.8, title)
    c = np.linspace(0.5, 1, 251)
    axis.plot(100 * c, entr(c) + entr(1 - c), color=GREY)
    axis.annotate("H(c)", (70, entr(0.7) + entr(0.3)), (4, 5), color=GREY, **BESIDE)
    ends = np.array([*points.values()])[:2]
    axis.plot(100 * ends[:, 0], ends[:, 1], color=GREY, linewidth=1)
    notes = []
    for name, (x, y) in points.items():
        axis.plot(100 * x, y, "o", color=axis.get_facecolor(), **POINT | {"mec": ink()})
        # Labels of points below the curve stand below it, those of points on it above.
        below = y < entr(x) + entr(1 - x) - 0.004
        place = {"xytext": (-10, -4), "ha": "right"} if below else {"xytext": (9, 5), "ha": "left"}
        axis.annotate(name, (100 * x, y), va="center", **place, **BESIDE)
        notes.append(f"{name} {100 * x:.0f} %, {y:.2f}")
    axis.set(xlabel="mean confidence, %", ylabel="mean entropy, nats", xlim=(48, 100))
    axis.set(ylim=(0, 0.75))
    figure.set_label(f"{title}. Mean confidence and mean entropy, in nats: {'; '.join(notes)}.")
    return figure


@themed
def said_and_paid(points: Mapping[str, tuple[float, float]]) -> Figure:
    """Plot the mean log loss of announcements over their mean entropy.

    Args:
        points: label -> entropy and log loss, in nats. Those of no network are open.
    """
    title = "Whoever keeps all promises is on the line"
    figure, (axis,) = new_panels(1, 6.6, 4.4, title)
    end = 0.6
    axis.plot([0, end], [0, end], color=GREY, linewidth=1)
    notes = []
    for name, (colour, _, mark) in looks(points).items():
        x, y = points[name]
        if not name.startswith((*OF_METHODS, "Bayes")):
            colour, mark = axis.get_facecolor(), "o"
        axis.plot(x, y, mark, color=colour, **POINT | {"mec": ink()})
        right = y < x - 0.01
        place = {"xytext": (9 if right else -9, 0), "ha": "left" if right else "right"}
        place = place if x > 0.1 else {"xytext": (9, 0), "ha": "left"}
        axis.annotate(name, (x, y), va="center", **place, **BESIDE)
        notes.append(f"{name} {x:.2f} and {y:.2f}")
    axis.text(0.27, 0.52, "pays more than it says", va="center", style="italic")
    axis.text(0.45, 0.08, "pays less than it says", va="center", style="italic")
    axis.set(xlabel="entropy: what it says that it will pay, nats", xlim=(0, 0.75))
    axis.set(ylabel="log loss: what it pays, nats", ylim=(0, end))
    figure.set_label(f"{title}. Entropy and log loss, in nats: {'; '.join(notes)}.")
    return figure


@themed
def envelope(alphas: Sequence[float]) -> Figure:
    """Plot the expected loss over alpha, of fixed networks and of the best network for each alpha.

    The label is foreground, under hard inversion. The loss of a fixed network is a straight line,
    which touches the curve of the best networks at the alpha for which this network is the best.

    Args:
        alphas: for each fixed network, the alpha at which it is the best one.
    """
    title = "Each fixed network touches the curve of the best"
    figure, (axis,) = new_panels(1, 6.6, 3.6, title)
    levels, top = np.linspace(0, 0.5, 251), 1.1
    axis.plot(levels, entr(levels) + entr(1 - levels), color=ink(), linewidth=2.5)
    best = "best network for each alpha"
    axis.annotate(best, (0.5, np.log(2)), (0, -36), ha="right", **BESIDE)
    notes = []
    for alpha in alphas:
        f, touched = 1 - alpha, float(entr(alpha) + entr(1 - alpha))
        line = -(1 - levels) * np.log(f) - levels * np.log(alpha)
        axis.plot(levels, line, color=GREY)
        axis.plot(alpha, touched, "o", color=axis.get_facecolor(), **POINT | {"mec": ink()})
        end = np.flatnonzero(line <= top)[-1]  # where the line leaves the figure
        axis.annotate(f"fixed f = {f:.2f}", (levels[end], line[end]), (6, 0), va="center", **BESIDE)
        notes.append(f"fixed f = {f:.2f} at {alpha:g}, where both are {touched:.3f}")
    axis.set(xlabel="alpha", ylabel="expected loss, nats", xlim=(0, 0.58), ylim=(0, top))
    figure.set_label(f"{title}. Lines touch the curve at one alpha: {'; '.join(notes)}.")
    return figure
