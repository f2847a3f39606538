"""Explorer of the expected SC-BCE over the predicted probability, and of its minimiser."""

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.aslp.theory import minimiser
from aslp_lib.course.figures.panels import POINT, SHARE, Panels
from aslp_lib.course.lessons.sc_bce.figures import expected_loss
from aslp_lib.course.live import Explorer
from aslp_lib.evaluation.figures.style import GREEN, GREY

ALPHA, POSTERIOR = 0.2, 0.9


def _mean_loss(f: np.ndarray, alpha: float) -> np.ndarray:
    """Compute the expected loss of a pixel at the probabilities f, in nats."""
    foreground, background = (expected_loss(p, alpha, HARD_INVERSION) for p in (f, 1 - f))
    return POSTERIOR * foreground + (1 - POSTERIOR) * background


class Loss(Explorer):
    """Explorer whose controls are alpha, beta and the true posterior pi of a pixel."""

    def __init__(self) -> None:
        super().__init__({}, {"alpha": ALPHA, "beta": HARD_INVERSION.beta, "posterior": POSTERIOR})

    def picture(self) -> Figure:
        """Plot the expected loss over the probability f with its minimum, and f* over pi."""
        f = np.linspace(0.001, 0.999, 400)
        pi = torch.tensor([0.0, POSTERIOR, 1.0], dtype=torch.float64)
        low, best, high = minimiser(pi, ALPHA, HARD_INVERSION).tolist()
        floor = _mean_loss(np.array([best]), ALPHA).item()
        panels = Panels(8.6)
        losses = ("loss, nats", (0, 1, 2, 3))
        predicted, title = ("predicted P(y=1), f", SHARE), "loss, mean over the labels"
        curve = panels.plot((0.6, 0.5, 4.2, 2.55), predicted, losses, title)
        for name, alpha, x, side in (
            ("switch off ", 0.0, 0.07, "left"),
            (" switch on ", 1.0, 0.8, "right"),
        ):
            curve.plot(f, _mean_loss(f, alpha), color=GREY, linewidth=1)
            y = _mean_loss(np.array([x]), alpha).item()
            curve.text(x + 0.02 * (x < 0.5), y, name, ha=side, color=GREY, fontsize=9)
        curve.plot(f, _mean_loss(f, ALPHA), color="black", linewidth=2, label="expected")
        curve.plot(best, floor, "o", color=GREEN, **POINT, label="minimum")
        curve.legend(fontsize=9, loc="upper center")
        truth, minima = ("true P(y=1), π", SHARE), ("minimiser f*", SHARE)
        line = panels.plot((5.7, 0.5, 2.7, 2.55), truth, minima, "minimiser of the expected loss")
        line.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="without perturbation")
        line.plot([0, 1], [low, high], color="black", linewidth=2, label="with perturbation")
        line.plot(POSTERIOR, best, "o", color=GREEN, **POINT)
        line.legend(fontsize=9, loc="upper left")
        panels.figure.set_label(
            f"The expected loss over f at alpha = {ALPHA:.2f}, beta = {HARD_INVERSION.beta:.1f} "
            f"and a true posterior of {POSTERIOR:.2f} is lowest at f* = {best:.3f}, where it is "
            f"{floor:.3f} nats. Over the true posterior, f* is a line from {low:.2f} to {high:.2f}."
        )
        return panels.figure
