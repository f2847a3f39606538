"""Explorer of SC-BCE over the predicted probability, and of its minimiser."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.perturbation import Technique
from aslp_lib.aslp.theory import expected_confidence, minimiser
from aslp_lib.course import figures
from aslp_lib.course.explorers.base import Explorer, slider
from aslp_lib.course.figures.loss import expected_loss

POINTS = np.linspace(0.001, 0.999, 400)


def loss() -> Explorer:
    """Make the explorer: alpha, beta and the true posterior pi, which set the loss over f."""
    controls = {
        "alpha": slider("level alpha", 0.0, 1.0, 0.05, 0.2),
        "beta": slider("strength beta", 0.0, 2.0, 0.1, 1.0),
        "posterior": slider("true posterior pi", 0.0, 1.0, 0.05, 1.0),
    }
    return Explorer(controls, _picture, _readout)


def _mean_loss(f: np.ndarray, alpha: float, beta: float, posterior: float) -> np.ndarray:
    """Compute the expected SC-BCE at the probabilities f, over switch and label, in nats."""
    foreground_loss, background_loss = (
        expected_loss(p, alpha, Technique("own", beta)) for p in (f, 1 - f)
    )
    return posterior * foreground_loss + (1 - posterior) * background_loss


def _minimum(alpha: float, beta: float, posterior: float) -> tuple[float, float]:
    """Return the minimiser f* and the expected loss at f*, in nats."""
    pi = torch.tensor([posterior], dtype=torch.float64)
    best = minimiser(pi, alpha, Technique("own", beta)).numpy()
    return best.item(), _mean_loss(best, alpha, beta, posterior).item()


def _picture(alpha: float, beta: float, posterior: float) -> Figure:
    switch = {"switch off": 0.0, "switch on": 1.0, "on average": alpha}
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    return figures.loss_over_f(
        POINTS,
        {name: _mean_loss(POINTS, a, beta, posterior) for name, a in switch.items()},
        _minimum(alpha, beta, posterior),
        posterior,
        minimiser(ends, alpha, Technique("own", beta)).numpy(),
    )


def _readout(alpha: float, beta: float, posterior: float) -> str:
    best, floor = _minimum(alpha, beta, posterior)
    confidence = expected_confidence(alpha, Technique("own", beta)).item()
    return (
        f"alpha = {alpha:.2f}, beta = {beta:.1f}, pi = {posterior:.2f}: the mean loss is lowest at "
        f"f* = {best:.3f}, where it is {floor:z.3f} nats: a decision for {_decision(best)}. Plain "
        f"BCE would learn {posterior:.3f}, a decision for {_decision(posterior)}. alpha*beta = "
        f"{alpha * beta:.2f}: the expected target's confidence is {confidence:.3f}."
    )


def _decision(f: float) -> str:
    """Name the class that a probability decides for."""
    if abs(f - 0.5) < 1e-6:
        return "neither class"
    return "foreground" if f > 0.5 else "background"
