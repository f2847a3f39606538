"""Figures of the entropy of predictions and of targets."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.special import entr

from aslp_lib.aslp.perturbation import Technique
from aslp_lib.aslp.theory import expected_confidence, loss_floor
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREEN, GREY, YELLOW, ink, looks, new_figure, themed


@themed
def entropy_of_kinds(kinds: Mapping[str, tuple[int, int]]) -> Figure:
    """Plot the entropy of a prediction over its confidence, for two kinds of pixels.

    The mean entropy of two confidences lies on the line between them, below the curve.

    Args:
        kinds: label -> number of pixels, and how many of them are correct.
    """
    pixels, correct = np.array([*kinds.values()]).T
    confidence, weights = correct / pixels, pixels / pixels.sum()
    entropies, overall = _entropy(confidence), float(weights @ confidence)
    separate, common = float(weights @ entropies), float(_entropy(overall))
    figure = new_figure(6.8, 3.8, "Entropy of a prediction over its confidence")
    axis = figure.subplots()
    c = np.linspace(0.5, 1, 251)
    axis.plot(c, _entropy(c), color=GREY, label="entropy H(c)")
    for name, x, y, mark in zip(kinds, confidence, entropies, "v^", strict=True):
        axis.plot(x, y, mark, color=GREEN, mec=ink(), ms=9, clip_on=False, label=f"{name}: {y:.2f}")
    axis.plot(confidence, entropies, "--", color=GREEN)
    label = f"mean over both kinds: {separate:.2f}"
    axis.plot(overall, separate, "s", color=GREEN, mec=ink(), ms=9, label=label)
    label = f"one confidence for all: {common:.2f}"
    axis.plot(overall, common, "D", color=YELLOW, mec=ink(), ms=9, label=label)
    axis.axvline(overall, color=ink(), linestyle=":", linewidth=1, zorder=0)
    axis.set(xlabel="confidence c", ylabel="entropy, nats", xlim=(0.5, 1), ylim=(0, 0.8))
    axis.legend(loc="lower left")
    points = "; ".join(f"{n}: {x:.2f}" for n, x in zip(kinds, confidence, strict=True))
    figure.set_label(
        f"Entropy over confidence. Confidences of the kinds, {points}. At their mean "
        f"{overall:.2f}, the mean entropy is {separate:.2f} nats, below the curve at {common:.2f}."
    )
    return figure


@themed
def envelope(alphas: Sequence[float], technique: Technique) -> Figure:
    """Plot the expected loss over alpha, of fixed networks and of the best network for each alpha.

    The loss of a fixed network is a straight line, which touches the curve of the best networks at
    the alpha for which this network is the best.

    Args:
        alphas: for each fixed network, the alpha at which it is the best one.
    """
    figure, (axis,) = new_panels(1, 5.8, 3.6)
    levels = torch.linspace(0, technique.alpha_limit, 251, dtype=torch.float64)
    best = loss_floor(levels, technique).numpy()
    axis.plot(levels, best, color=ink(), linewidth=2, label="best network for each alpha")
    target = expected_confidence(levels, technique).numpy()
    look = looks(f"{alpha}" for alpha in alphas).values()
    for alpha, (colour, line, mark) in zip(alphas, look, strict=True):
        f = float(expected_confidence(alpha, technique))
        loss = -target * np.log(f) - (1 - target) * np.log(1 - f)
        axis.plot(levels, loss, line, color=colour, label=f"network with f = {f:.2f}")
        axis.plot(alpha, float(loss_floor(alpha, technique)), mark, color=colour, mec=ink(), ms=8)
    axis.set(xlabel="perturbation level alpha", ylabel="expected loss, nats", ylim=(0, 1))
    axis.legend(loc="lower right")
    figure.set_label(
        f"Expected loss over alpha: a straight line for each of {len(alphas)} fixed networks, and "
        "a concave curve, the entropy of the target, for the best network at each alpha. Each line "
        "lies on or above the curve and touches it at alpha = "
        f"{', '.join(f'{alpha:.2f}' for alpha in alphas)}."
    )
    return figure


@themed
def ascent(paths: Mapping[str, np.ndarray], bound: float) -> Figure:
    """Plot an alpha over its steps.

    Args:
        paths: label -> (steps,) alpha after each step.
        bound: alpha at which the constraint becomes active.
    """
    figure, (axis,) = new_panels(1, 5.8, 3.4)
    ends = []
    for label, (colour, line, _) in looks(paths).items():
        alpha = paths[label]
        axis.plot(alpha, line, color=colour, linewidth=2, label=label)
        ends.append(f"{label}: alpha ends at {alpha[-1]:.2f}")
    axis.axhline(bound, color=ink(), linestyle=":", linewidth=1, label="bound")
    axis.set(xlabel="step", ylabel="perturbation level alpha", ylim=(0, None))
    axis.legend(loc="center right")
    figure.set_label(f"Alpha over steps, bound {bound:.2f}. {'; '.join(ends)}.")
    return figure


def _entropy(confidence: np.ndarray | float) -> np.ndarray:
    return entr(confidence) + entr(1 - np.asarray(confidence))
