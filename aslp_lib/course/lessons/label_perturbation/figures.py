"""Figures of label perturbation: the effect of varying targets, and what is memorised."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREEN, GREY, OF_METHODS, ink, plain, themed

Array = NDArray[np.float64]


@themed
def targets_and_scores(targets: Mapping[str, Array], scores: Mapping[str, Array]) -> Figure:
    """Show the targets of a pixel over epochs, and scores of networks that were trained on such.

    Args:
        targets: technique or method -> (epochs,) targets in [0, 1]; the last are those of BCE,
            whose name begins those of its variants without a dose.
        scores: technique or method -> (seeds,) scaled Brier scores, in the same order.
    """
    *_, (last, baseline) = scores.items()
    without_dose = {name for name in scores if name.startswith(last)}
    title = "At the dose 0.2, targets that change score better than their mean"
    figure, (left, right) = new_panels(
        2, 4.9, 3.6, title, sharey=True, gridspec_kw={"width_ratios": (3, 2)}
    )
    notes, labels = [], []
    for row, (name, values) in enumerate(targets.items()):
        varies = "no dose" if name in without_dose else f"standard deviation {values.std():z.2f}"
        labels.append(f"{plain(name)}\n{varies}")
        ends = 0.5, len(values) + 0.5, row + 0.3, row - 0.3  # the first epoch is 1
        left.imshow(values[None], cmap="gray", vmin=0, vmax=1, aspect="auto", extent=ends)
        left.plot(  # a white strip would dissolve into the page
            [ends[0], ends[1], ends[1], ends[0], ends[0]],
            [row - 0.3, row - 0.3, row + 0.3, row + 0.3, row - 0.3],
            color=ink(), linewidth=1, clip_on=False,
        )  # fmt: skip
        difference = scores[name] - baseline
        colour = OF_METHODS.get(name.split(",")[0], GREEN)
        right.plot(difference, np.full(len(difference), row), "o", color=colour, alpha=0.7, mew=0)
        right.plot([difference.mean()], [row], "|", color=colour, ms=24, mew=3)
        below = f"lower with {(difference < 0).sum()} of {len(difference)} seeds"
        notes.append(f"{name}: {varies}, score minus that of BCE {difference.mean():z.3f}, {below}")
    of_seeds = [scores[name] - baseline for name in targets if name not in without_dose]
    right.plot(of_seeds, range(len(of_seeds)), color=GREY, linewidth=0.6, zorder=0)
    left.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.5, -0.5))
    left.set(xlabel="epoch", xlim=(0.5, len(values) + 0.5), title="targets of a foreground pixel")
    left.tick_params(axis="y", length=0)
    left.spines[:].set_visible(False)
    right.axvline(0, color=ink(), linestyle="--", linewidth=1, zorder=0)
    right.set(xlabel="scaled Brier score, minus BCE", title="line: a seed; bar: mean")
    right.xaxis.get_major_locator().set_params(nbins=4)
    right.tick_params(axis="y", length=0)
    right.spines.left.set_visible(False)
    figure.set_label(f"{title}. {'; '.join(notes)}.")
    return figure


def memorised_over_epochs(methods: Mapping[str, pd.DataFrame], kept: float) -> Figure:
    """Plot the memorised probability over the epochs: the mean, and a band of all runs.

    Args:
        methods: method -> seeds x epochs.
        kept: mean of the epochs that early stopping keeps of BCE.
    """
    lines = {name: (runs.mean(), runs.min(), runs.max()) for name, runs in methods.items()}
    (epochs, *_) = (runs.columns.to_numpy(float) for runs in methods.values())
    title = "Label smoothing rises as BCE does, constant alpha hardly does"
    panels, upright = {"memorised probability": lines}, {"early stopping": kept}
    return curves(epochs, panels, "epoch", title, upright=upright, digits=".2f", ylim=(0, 0.9))
