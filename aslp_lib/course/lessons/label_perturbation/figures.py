"""Figures of label perturbation: changing targets, what is memorised, and test scores."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import OF_METHODS, ink, themed

Array = NDArray[np.float64]


@themed
def targets_over_epochs(targets: Mapping[str, Array]) -> Figure:
    """Show the targets of a pixel as strips of grey, one for each technique.

    Args:
        targets: technique -> (epochs,) targets in [0, 1].
    """
    title = "Targets of a foreground pixel over 100 epochs, dose 0.2"
    figure, (axis,) = new_panels(1, 8.6, 2.7, title)
    height = 0.34
    for row, values in enumerate(targets.values()):
        ends = 0.5, len(values) + 0.5, row + height, row - height  # the first epoch is 1
        strip = axis.imshow(values[None], cmap="gray", vmin=0, vmax=1, aspect="auto", extent=ends)
        left, right, low, high = ends
        if np.ptp(values) == 0:  # light grey is hard to tell from white
            note = f"always {values[0]:g}"
            axis.text(np.mean(ends[:2]), row, note, color="black", ha="center", va="center")
        axis.plot(  # a white strip would dissolve into the page
            [left, right, right, left, left], [high, high, low, low, high],
            color=ink(), linewidth=1, clip_on=False,
        )  # fmt: skip
    labels = [f"{name}\nstandard deviation {x.std():.2f}" for name, x in targets.items()]
    axis.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.5, -0.5))
    axis.set(xlabel="epoch", xlim=(0.5, max(map(len, targets.values())) + 0.5))
    axis.tick_params(axis="y", length=0)
    axis.spines[:].set_visible(False)
    bar = figure.colorbar(strip, ax=axis, ticks=[0, 0.5, 1], label="target", aspect=12)
    bar.outline.set_edgecolor(ink())
    notes = [
        f"{name}: {values.min():.2f} to {values.max():.2f}" for name, values in targets.items()
    ]
    figure.set_label(
        f"{title}. {'; '.join(label.replace(chr(10), ', ') for label in labels)}. "
        f"Targets of {'; '.join(notes)}."
    )
    return figure


def unlikely_over_epochs(
    methods: Mapping[str, pd.DataFrame], shares: Mapping[str, float], stopped: float
) -> Figure:
    """Plot the probability of unlikely labels over the epochs: the mean, and a band of all runs.

    Args:
        methods: method -> seeds x epochs, in [0, 1].
        shares: name -> share of such labels for comparison, in [0, 1].
        stopped: mean of the epochs that early stopping keeps of BCE.
    """
    percent = {name: 100 * runs for name, runs in methods.items()}
    lines = {name: (runs.mean(), runs.min(), runs.max()) for name, runs in percent.items()}
    (epochs, *_) = (runs.columns.to_numpy(float) for runs in methods.values())
    return curves(
        epochs, {"mean probability, %": lines}, "epoch", "Probability of unlikely training labels",
        across={name: 100 * share for name, share in shares.items()},
        upright={"BCE stops early": stopped}, digits=".0f", ylim=(0, 105),
    )  # fmt: skip


@themed
def scores(of_methods: Mapping[str, Array]) -> Figure:
    """Plot the Brier score of each run, and the mean of each method.

    Args:
        of_methods: method -> (seeds,) Brier scores.
    """
    title = "Brier score of the test images of shapes"
    figure, (axis,) = new_panels(1, 7.4, 2.8, title)
    notes = []
    for row, (name, values) in enumerate(of_methods.items()):
        colour, first = OF_METHODS[name.split(",")[0]], row == 0
        axis.plot(
            values, np.full(len(values), row), "o", color=colour, alpha=0.6, mew=1.2,
            fillstyle="none" if "early" in name else "full", label="one seed" if first else None,
        )  # fmt: skip
        axis.plot(
            [values.mean()], [row], "|", color=colour, ms=26, mew=3,
            label="mean" if first else None,
        )  # fmt: skip
        notes.append(f"{name}: {values.mean():.3f} [{values.min():.3f} to {values.max():.3f}]")
    axis.set(yticks=range(len(of_methods)), yticklabels=of_methods)
    axis.set_xlabel("Brier score (lower is better)")
    axis.set(ylim=(len(of_methods) - 0.5, -0.5))
    axis.tick_params(axis="y", length=0)
    axis.spines.left.set_visible(False)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), markerscale=0.7)
    figure.set_label(f"{title}, mean and range of the seeds. {'; '.join(notes)}.")
    return figure
