"""Explorer of the expected SC-BCE over the predicted probability, and of its minimiser."""

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import POINT, SHARE, Panels
from aslp_lib.course.live import Explorer
from aslp_lib.evaluation.figures.style import GREEN, GREY

ALPHA, BETA, POSTERIOR = 0.2, 2.0, 0.9


class Loss(Explorer):
    """Explorer whose controls are alpha, beta and the true posterior pi of a pixel."""

    def __init__(self) -> None:
        super().__init__({}, {"alpha": ALPHA, "beta": BETA, "posterior": POSTERIOR})

    def picture(self) -> Figure:
        """Plot the expected loss over the probability f with its minimum, and f* over pi."""
        f, panels = np.linspace(0.001, 0.999, 400), Panels(8.6)
        over_f, nats = ("predicted P(y=1), f", SHARE), ("expected loss, nats", (0, 1, 2, 3))
        over_pi, minimum = ("true P(y=1), π", SHARE), ("minimiser f*", SHARE)
        loss = panels.plot((0.6, 0.5, 4.2, 2.55), over_f, nats, "loss of a pixel")
        line = panels.plot((5.7, 0.5, 2.7, 2.55), over_pi, minimum, "where it is lowest")
        for dose, colour in ((0, GREY), (ALPHA * BETA, GREEN)):
            best = (1 - dose) * POSTERIOR + dose / 2
            losses = -best * np.log(f) - (1 - best) * np.log(1 - f)
            loss.plot(f, losses, color=colour, linewidth=2)
            loss.plot(best, losses.min(), "o", color=colour, **POINT)
            line.plot([0, 1], [dose / 2, 1 - dose / 2], color=colour, linewidth=2)
            line.plot(POSTERIOR, best, "o", color=colour, **POINT)
        for axis in (loss, line):
            axis.spines[["top", "right"]].set_visible(False)
        line.text(0.84, 0.92, "BCE", ha="right")
        line.text(0.98, 0.6, "SC-BCE", ha="right")
        panels.figure.set_label(
            f"The expected loss over f at alpha = {ALPHA:.2f}, beta = {BETA:.1f} and a true "
            f"posterior of {POSTERIOR:.2f} is lowest at f* = {best:.3f}, where it is "
            f"{losses.min():.3f} nats. Over the true posterior, f* is a line from {dose / 2:.2f} "
            f"to {1 - dose / 2:.2f}."
        )
        return panels.figure
