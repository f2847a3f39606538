"""Figures of label perturbation: targets over epochs, and confidence over the dose."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.label_perturbation.results import crossing
from aslp_lib.evaluation.figures.style import (
    GREY,
    OF_METHODS,
    directions,
    ink,
    legend_below,
    new_figure,
    plain,
    themed,
)
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


@themed
def targets_over_epochs(rows: Mapping[str, np.ndarray]) -> Figure:
    """Show the targets of a pixel as strips with their standard deviations, one per technique.

    Args:
        rows: name of the strip -> (epochs,) targets in [0, 1].
    """
    epochs = len(next(iter(rows.values())))
    figure = new_figure(8.4, 0.55 * len(rows) + 0.7, None)
    axes = figure.subplots(len(rows), 1, sharex=True)
    for axis, (name, targets) in zip(axes, rows.items(), strict=True):
        axis.imshow(targets[None], cmap="gray", vmin=0, vmax=1, aspect="auto")
        axis.set(yticks=[])
        axis.spines[:].set_visible(True)  # a white strip would dissolve into the page
        axis.tick_params(bottom=axis is axes[-1])
        axis.set_ylabel(plain(name, 16), fontsize=10, rotation=0, ha="right", va="center")
        axis.text(
            1.01, 0.5, f"{targets.std():z.2f}", transform=axis.transAxes, fontsize=10, va="center"
        )
    axes[0].set_title("standard deviation", fontsize=10, loc="right")
    axes[-1].set(
        xlabel="epoch", xticks=np.arange(19, epochs, 20), xticklabels=np.arange(20, epochs + 1, 20)
    )
    notes = (
        f"{name} from {targets.min():.2f} to {targets.max():.2f}, standard deviation "
        f"{targets.std():z.2f}"
        for name, targets in rows.items()
    )
    figure.set_label(f"Targets of a foreground pixel in {epochs} epochs: {'; '.join(notes)}.")
    return figure


@themed
def confidence_over_dose(networks: Mapping[str, Mapping[float, Counts]]) -> Figure:
    """Plot the confidence of targets and of networks trained on them, and accuracy, over the dose.

    The area between a network's confidence and its accuracy is coloured by its direction, and a
    ring shows where they meet.

    Args:
        networks: title of the panel -> dose -> counts of the network trained with it.
    """
    figure, axes = new_panels(len(networks), 4.6, 3.5, sharey=True)
    notes = []
    for axis, (title, counts) in zip(axes, networks.items(), strict=True):
        doses, meeting = np.array([*counts]), crossing(counts)
        confidence, accuracy = (
            np.array([100 * score(c) for c in counts.values()])
            for score in (calibration.confidence, calibration.accuracy)
        )
        lines = {"targets": 100 - 50 * doses, "network": confidence, "accuracy": accuracy}
        yellow = OF_METHODS["expected targets"]
        looks = ("-", 0.8, GREY, 4), ("-o", 1.8, yellow, -4), ("-", 1.8, ink(), 0)
        for (name, line), (style, width, colour, up) in zip(lines.items(), looks, strict=True):
            axis.plot(doses, line, style, color=colour, linewidth=width, ms=4)
            axis.annotate(
                name, (doses[-1], line[-1]), (8, up), textcoords="offset points",
                fontsize=10, va="center", color=colour,
            )  # fmt: skip
        for name, where, colour in zip(
            ("overconfident", "underconfident"),
            (confidence > accuracy, confidence < accuracy),
            directions(),
            strict=True,
        ):
            axis.fill_between(
                doses, accuracy, confidence, where=where, interpolate=True, color=colour,
                alpha=0.5, linewidth=0, label=name,
            )  # fmt: skip
        at_meeting = float(np.interp(meeting, doses, accuracy))
        axis.plot(meeting, at_meeting, "o", color=ink(), fillstyle="none", ms=11, mew=1.6)
        axis.set(xlabel=r"dose $\alpha\beta$", title=title)
        ends = [f"{row[0]:.0f} to {row[-1]:.0f}" for row in (confidence, accuracy)]
        notes.append(
            f"{title}: confidence {ends[0]} %, accuracy {ends[1]} %, equal at the dose "
            f"{meeting:.2f}"
        )
    axes[0].set(ylabel="mean over pixels, %")
    legend_below(figure, axes[0])
    figure.set_label(
        f"Confidence and accuracy over the dose, from {doses[0]:g} to {doses[-1]:g}; the targets' "
        f"confidence falls from 100 to {100 - 50 * doses[-1]:.0f} %. {'; '.join(notes)}."
    )
    return figure
