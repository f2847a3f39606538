"""Figures of the entropy of predictions and of targets."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.special import entr

from aslp_lib.aslp.perturbation import Technique
from aslp_lib.aslp.theory import expected_confidence, loss_floor
from aslp_lib.course.figures.panels import POINT, new_panels
from aslp_lib.evaluation.figures.style import GREY, ink, looks, themed


@themed
def entropies(points: Mapping[str, tuple[float, float]], *, chord: bool = False) -> Figure:
    """Plot mean entropies over mean confidences, below the entropy of a single confidence.

    Args:
        points: label -> mean confidence, and mean entropy in nats.
        chord: join the first two points.
    """
    figure, (axis,) = new_panels(1, 6.4, 3.6)
    c = np.linspace(0.5, 1, 251)
    axis.plot(c, entr(c) + entr(1 - c), color=GREY, label="entropy H(c)")
    ends = [*points.values()][: 2 * chord]
    axis.plot([x for x, _ in ends], [y for _, y in ends], ":", color=ink())
    notes = []
    for name, (colour, _, mark) in looks(points).items():
        x, y = points[name]
        axis.plot(x, y, mark, color=colour, **POINT | {"mec": ink()}, label=name)
        notes.append(f"{name} {x:.2f}, {y:.2f}")
    axis.set(xlabel="mean confidence", ylabel="mean entropy, nats", xlim=(0.5, 1), ylim=(0, 0.75))
    axis.legend(loc="lower left")
    figure.set_label(f"Mean confidence and mean entropy, in nats: {'; '.join(notes)}.")
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
