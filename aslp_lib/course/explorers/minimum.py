"""Explorer of the expected SC-BCE over the predicted probability, and of its minimiser."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.perturbation import Technique
from aslp_lib.aslp.theory import expected_confidence, minimiser
from aslp_lib.course.explorers.base import Explorer, slider
from aslp_lib.course.figures.panels import POINT, SHARE, Panels
from aslp_lib.course.lessons.sc_bce.figures import expected_loss
from aslp_lib.evaluation.figures.style import BLUE, GREY, ORANGE

POINTS = np.linspace(0.001, 0.999, 400)


def loss() -> Explorer:
    """Make the explorer, whose controls are alpha, beta and the true posterior pi of a pixel."""
    controls = {
        "alpha": slider("alpha", 0.0, 1.0, 0.05, 0.2),
        "beta": slider("beta", 0.0, 2.0, 0.1, 1.0),
        "posterior": slider("true posterior pi", 0.0, 1.0, 0.05, 0.9),
    }
    return Explorer(controls, _picture, _readout)


def _mean_loss(f: np.ndarray, alpha: float, beta: float, posterior: float) -> np.ndarray:
    """Compute the expected SC-BCE at the probabilities f, over switch and label, in nats."""
    technique = Technique("explorer", beta)
    foreground, background = (expected_loss(p, alpha, technique) for p in (f, 1 - f))
    return posterior * foreground + (1 - posterior) * background


def _minimum(alpha: float, beta: float, posterior: float) -> tuple[float, float]:
    """Return the minimiser f* and the expected loss at f*, in nats."""
    pi = torch.tensor([posterior], dtype=torch.float64)
    best = minimiser(pi, alpha, Technique("explorer", beta)).numpy()
    return best.item(), _mean_loss(best, alpha, beta, posterior).item()


def _picture(alpha: float, beta: float, posterior: float) -> Figure:
    """Plot the expected loss over the probability f with its minimum, and f* over the posterior."""
    panels, lowest = Panels(8.6), _minimum(alpha, beta, posterior)
    losses = ("loss, nats", (0, 1, 2, 3))
    curve = panels.plot((0.6, 0.5, 4.2, 2.55), ("f, predicted P(y=1)", SHARE), losses, "loss")
    for name, switch, colour, dash, width in (
        ("switch off", 0.0, GREY, ":", 1.2),
        ("switch on", 1.0, GREY, "--", 1.2),
        ("expected", alpha, BLUE, "-", 2.2),
    ):
        mean_loss = _mean_loss(POINTS, switch, beta, posterior)
        curve.plot(POINTS, mean_loss, dash, color=colour, linewidth=width, label=name)
    curve.plot(*lowest, "o", color=ORANGE, **POINT, label="minimum")
    curve.axvline(0.5, color="black", linewidth=0.6)
    curve.legend(fontsize=9, loc="upper center")
    truth, minima = ("true posterior pi", SHARE), ("minimiser f*", SHARE)
    line = panels.plot((5.7, 0.5, 2.7, 2.55), truth, minima, "minimiser")
    ends = minimiser(torch.tensor([0.0, 1.0]).double(), alpha, Technique("explorer", beta)).numpy()
    line.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, label="plain BCE")
    line.plot([0, 1], ends, color=BLUE, linewidth=2, label="SC-BCE")
    line.axhline(0.5, color="black", linewidth=0.6)
    line.plot([posterior], [lowest[0]], "o", color=ORANGE, **POINT)
    line.legend(fontsize=9, loc="upper left")
    panels.figure.set_label(
        f"The expected loss over f has its minimum at f = {lowest[0]:.3f}, where it is "
        f"{lowest[1]:.3f} nats. The minimiser over the true posterior is a line from "
        f"{ends[0]:.2f} to {ends[1]:.2f}."
    )
    return panels.figure


def _readout(alpha: float, beta: float, posterior: float) -> str:
    best, floor = _minimum(alpha, beta, posterior)
    confidence = expected_confidence(alpha, Technique("explorer", beta)).item()
    return (
        f"alpha = {alpha:.2f}, beta = {beta:.1f}, pi = {posterior:.2f}: the expected loss is "
        f"lowest at f* = {best:.3f}, where it is {floor:z.3f} nats; a decision for "
        f"{_decision(best)}. The minimiser of BCE is {posterior:.3f}, a decision for "
        f"{_decision(posterior)}. At alpha*beta = {alpha * beta:.2f}, the expected confidence of "
        f"the target is {confidence:.3f}."
    )


def _decision(f: float) -> str:
    """Name the class that a probability decides for."""
    if abs(f - 0.5) < 1e-6:
        return "neither class"
    return "foreground" if f > 0.5 else "background"
