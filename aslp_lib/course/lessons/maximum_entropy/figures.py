"""Figures of the entropy of predictions and of targets."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.special import entr

from aslp_lib.aslp.perturbation import Technique
from aslp_lib.aslp.theory import loss_floor
from aslp_lib.evaluation.figures.style import GREEN, GREY, ORANGE, ink, looks, new_figure, themed


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
    axis.plot(overall, common, "D", color=ORANGE, mec=ink(), ms=9, label=label)
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
def ascent(paths: Mapping[str, np.ndarray], technique: Technique) -> Figure:
    """Plot an alpha over its steps, and the entropy of the target at each step.

    Args:
        paths: label -> (steps,) alpha after each step.
    """
    figure = new_figure(8.6, 3.4, "Alpha ascends the expected loss")
    left, right = figure.subplots(1, 2)
    ends = []
    for (label, alpha), (colour, line, _) in zip(paths.items(), looks(), strict=False):
        floor = loss_floor(torch.from_numpy(alpha), technique).numpy()
        left.plot(alpha, line, color=colour, linewidth=2, label=label)
        right.plot(floor, line, color=colour, linewidth=2, label=label)
        ends.append(f"{label}: alpha ends at {alpha[-1]:.2f}, entropy at {floor[-1]:.2f} nats")
    right.axhline(np.log(2), color=ink(), linestyle=":", linewidth=1, label="log 2")
    left.set(xlabel="step", ylabel="perturbation level alpha", ylim=(0, None))
    right.set(xlabel="step", ylabel="entropy of the target, nats", ylim=(0, 0.75))
    right.legend(loc="lower right")
    figure.set_label(f"Alpha and the entropy of the target over steps. {'; '.join(ends)}.")
    return figure


def _entropy(confidence: np.ndarray | float) -> np.ndarray:
    return entr(confidence) + entr(1 - np.asarray(confidence))
