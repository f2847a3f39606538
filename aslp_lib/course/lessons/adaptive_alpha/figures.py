"""Figure of the feedback loop of alphas."""

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import Panels
from aslp_lib.course.simulation import Trace
from aslp_lib.evaluation.figures.style import GREEN, ink, looks, themed


@themed
def feedback_loop(trace: Trace, title: str, percent: tuple[float, ...] = (50, 75, 100)) -> Figure:
    """Plot alphas over the epochs, accuracy and confidence, and the last alphas over the margins.

    Args:
        trace: the simulation; the alphas of three images are drawn.
        title: name of the rule.
        percent: ticks of accuracy and confidence; the axis ends at the first and the last.
    """
    panels, epochs = Panels(10.2), len(trace.alpha)
    # Few ends of the axis, so that similar settings can be compared.
    top = next(top for top in (0.1, 0.2, 0.5, 1.0) if top >= trace.alpha.max())
    epoch = np.arange(1, epochs + 1)
    time = ("epoch", (0, epochs // 2, epochs))
    alphas = ("perturbation level alpha", [top * tick / 5 for tick in range(6)])
    left = panels.plot((0.65, 0.5, 2.9, 2.55), time, alphas, f"{title}: three images")
    left.plot(epoch, trace.bound, "--", color=ink(), linewidth=1, label="bound")
    for (name, image), (colour, line, _) in zip(trace.examples.items(), looks(), strict=False):
        left.plot(epoch, trace.alpha[:, image], line, color=colour, label=name)
    is_high = trace.alpha[-10:].mean() > top / 2
    left.legend(loc="lower right" if is_high else "upper right")
    percentages = ("validation, % of pixels", percent)
    middle = panels.plot((4.25, 0.5, 2.4, 2.55), time, percentages, "network")
    middle.plot(epoch, 100 * trace.confidence, color=GREEN, label="confidence")
    middle.plot(epoch, 100 * trace.accuracy, ":", color=ink(), label="accuracy")
    middle.legend(loc="lower right")
    nats = ("reachable margin, nats", (-5, 5, 15))
    right = panels.plot((7.4, 0.5, 2.5, 2.55), nats, alphas, f"all images, epoch {epochs}")
    right.plot(trace.margins, trace.alpha[-1], ".", color=GREEN, markersize=3)
    right.axhline(trace.bound[-1], color=ink(), linestyle="--", linewidth=1)
    panels.figure.set_label(
        f"{title}. Alphas of three images over {epochs} epochs with their bound, in the last 10 "
        f"with a mean of {trace.alpha[-10:].mean():.2f} over all images; confidence "
        f"{100 * trace.confidence[-1]:.0f} % and accuracy {100 * trace.accuracy[-1]:.0f} % at the "
        "end; the last alphas over the margins of the images."
    )
    return panels.figure
