"""Figures of announced confidences, of the entropy of predictions, and of that of targets."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import entr

from aslp_lib.course.figures.panels import POINT, new_panels
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, themed

BESIDE = {"textcoords": "offset points"}
Halves = NDArray[np.float64]


@themed
def hunches(loss: Callable[[Halves, Halves], float], careful: Halves, bold: Halves) -> Figure:
    """Plot the log loss of two announcements over the truth, with what a hunch gains and costs.

    Args:
        loss: computes the log loss from the confidences and the accuracies of both halves.
        careful, bold: announced confidences of both halves, in [0, 1]. The bold announcement is
            right at one end of the axis, and wrong at the other.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.6, "A wrong hunch costs more than a right one gains")
    first = np.linspace(bold.min(), bold.max(), 41)
    truths = [np.array([a, bold.sum() - a]) for a in first]
    safe, risky = (np.array([loss(c, truth) for truth in truths]) for c in (careful, bold))
    accuracy = 100 * first
    axis.plot(accuracy, safe, color=ink())
    axis.plot(accuracy, risky, color=GREY)
    before, after = (risky - safe)[[0, -1]]
    ends = safe[[0, -1]], risky[[0, -1]]
    axis.vlines(accuracy[[0, -1]], *ends, color=GREY, linewidth=4, alpha=0.5)
    wrong, right = f"wrong: costs {before:.2f}", f"right: gains {-after:.2f}"
    axis.annotate(wrong, (accuracy[0], (safe[0] + risky[0]) / 2), (8, 0), va="center", **BESIDE)
    axis.annotate(right, (accuracy[-1], risky[-1]), (0, -6), ha="right", va="top", **BESIDE)
    third = len(accuracy) // 3
    axis.annotate("bold: 96 % and 76 %", (accuracy[third], risky[third]), (6, 4), **BESIDE)
    place = {"xytext": (0, -14), "ha": "center"}
    axis.annotate("careful: 86 % everywhere", (accuracy[third], safe[third]), **place, **BESIDE)
    axis.set(xlabel="true accuracy of the half that was given 96 %, in %", ylabel="log loss, nats")
    axis.set(ylim=(0.3, 0.6), xticks=(76, 81, 86, 91, 96))
    figure.set_label(
        f"Log loss over the true accuracy of one half: {wrong} nats; {right} nats. "
        f"The same confidence on both halves costs {safe[0]:.2f} nats everywhere."
    )
    return figure


@themed
def entropies(points: Mapping[str, Sequence[float]], *, chord: bool = False) -> Figure:
    """Plot mean entropies over accuracies, with the curve of one confidence for all pixels.

    Args:
        points: label -> accuracy in [0, 1], and mean entropy in nats. Those of no network are open.
        chord: join the first two points. Otherwise, only the accuracies above 84 % are shown.
    """
    above = "MC's predictions have more entropy than one confidence for all"
    title = "Knowing the kinds lowers the entropy" if chord else above
    figure, (axis,) = new_panels(1, 6.6, 3.8, title)
    c = np.linspace(0.5, 1, 251)
    axis.plot(100 * c, entr(c) + entr(1 - c), color=GREY)
    label, at, shift = (
        ("H(c)", 0.7, (4, 5)) if chord else ("one confidence for all", 0.9, (-135, -12))
    )
    axis.annotate(label, (100 * at, entr(at) + entr(1 - at)), shift, color=GREY, **BESIDE)
    if chord:
        ends = np.array([*points.values()])[:2]
        axis.plot(100 * ends[:, 0], ends[:, 1], color=GREY, linewidth=1)
    notes = []
    for name, (x, y) in points.items():
        colour = next((OF_METHODS[m] for m in OF_METHODS if name.startswith(m)), None)
        axis.plot(100 * x, y, "o", color=colour or axis.get_facecolor(), **POINT | {"mec": ink()})
        curve = entr(x) + entr(1 - x)
        if colour:
            axis.vlines(100 * x, curve, y, color=GREY, linewidth=4, alpha=0.5)
            axis.annotate(f"{y - curve:+.2f} nats", (100 * x, (y + curve) / 2), (8, -4), **BESIDE)
        # Labels of points below the curve stand below it, others above.
        below = y < curve - 0.004
        place = {"xytext": (-10, -4), "ha": "right"} if below else {"xytext": (9, 5), "ha": "left"}
        axis.annotate(name, (100 * x, y), va="center", **place, **BESIDE)
        notes.append(f"{name} {100 * x:.0f} %, {y:.2f}")
    axis.set(xlabel="confidence = accuracy, %" if chord else "accuracy, %")
    axis.set(xlim=(48 if chord else 84, 100), ylim=(0, 0.75) if chord else (0.1, 0.52))
    axis.set_ylabel("mean entropy, nats")
    figure.set_label(f"{title}. Accuracy and mean entropy, in nats: {'; '.join(notes)}.")
    return figure


@themed
def climbs(paths: Mapping[str, Sequence[float]], bound: float) -> Figure:
    """Plot the alphas of rules over the steps, with MC's bound."""
    title = "ME lets alpha climb to the top, MC stops it"
    figure, (axis,) = new_panels(1, 6.6, 3.6, title)
    for name, path in paths.items():
        axis.plot(path, color=next(OF_METHODS[m] for m in OF_METHODS if name.startswith(m)))
        axis.annotate(name, (len(path) - 1, path[-1]), (0, 4), ha="right", **BESIDE)
    axis.axhline(bound, color=ink(), linestyle=":", linewidth=1)
    axis.annotate("MC's bound", (len(path) - 1, bound), (0, -14), ha="right", **BESIDE)
    axis.set(xlabel="step", ylabel="alpha", ylim=(0, 0.55))
    ends = "; ".join(f"{name} ends at {path[-1]:.2f}" for name, path in paths.items())
    figure.set_label(f"{title}: {ends}; MC's bound is {bound:g}.")
    return figure


@themed
def envelope(alphas: Sequence[float]) -> Figure:
    """Plot the expected loss over alpha, of fixed networks and of the best network for each alpha.

    The label is foreground, under hard inversion. The loss of a fixed network is a straight line,
    which touches the curve of the best networks at the alpha for which this network is the best.

    Args:
        alphas: for each fixed network, the alpha at which it is the best one.
    """
    title = "A fixed network touches the curve where it is the best one"
    figure, (axis,) = new_panels(1, 6.6, 3.6, title)
    levels = np.linspace(0, 0.5, 251)
    axis.plot(levels, entr(levels) + entr(1 - levels), color=ink(), linewidth=2.5)
    best = "best network for each alpha"
    axis.annotate(best, (0.5, np.log(2)), (0, -36), ha="right", **BESIDE)
    notes = []
    for alpha in alphas:
        f, touched = 1 - alpha, float(entr(alpha) + entr(1 - alpha))
        line = -(1 - levels) * np.log(f) - levels * np.log(alpha)
        axis.plot(levels, line, color=GREY)
        axis.plot(alpha, touched, "o", color=axis.get_facecolor(), **POINT | {"mec": ink()})
        axis.annotate(f"fixed f = {f:.2f}", (0.5, line[-1]), (6, 0), va="center", **BESIDE)
        notes.append(f"fixed f = {f:.2f} at {alpha:g}, where both are {touched:.3f}")
    axis.set(xlabel="alpha", ylabel="expected loss, nats", xlim=(0, 0.5), ylim=(0, 1.1))
    figure.set_label(f"{title}. Lines touch the curve at one alpha: {'; '.join(notes)}.")
    return figure
