"""Figure of confidence and accuracy over training."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import BLUE, directions, ink, legend_below, themed


@themed
def confidence_and_accuracy(logs: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Plot validation confidence and accuracy over epochs, with the difference shaded.

    Args:
        logs: title of a panel -> rows of a training log.
    """
    figure, axes = new_panels(len(logs), 4.6, 3.6, sharey=True)
    over, under = directions()
    notes = []
    for axis, (title, log) in zip(axes, logs.items(), strict=True):
        epoch, confidence, accuracy = np.array(
            [[row["epoch"], 100 * row["confidence"], 100 * row["accuracy"]] for row in log]
        ).T
        axis.plot(epoch, confidence, color=BLUE, label="confidence")
        axis.plot(epoch, accuracy, ":", color=ink(), label="accuracy")
        shade = {"alpha": 0.3, "linewidth": 0, "interpolate": True}
        wrong = {"overconfident": (confidence > accuracy, over)}
        wrong["underconfident"] = (confidence < accuracy, under)
        for label, (where, colour) in wrong.items():
            axis.fill_between(
                epoch, confidence, accuracy, where=where, color=colour, label=label, **shade
            )
        axis.set(xlabel="epoch", title=title)
        notes.append(f"{title}: {confidence[-1]:.0f} and {accuracy[-1]:.0f} %")
    axes[0].set(ylabel="validation, % of pixels")
    legend_below(figure, axes[0])
    figure.set_label(f"Confidence and accuracy over training. At the end, {'; '.join(notes)}.")
    return figure
