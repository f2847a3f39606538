"""Figures of label perturbation: confidence over the dose, and the effect of varying targets."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREEN, GREY, OF_METHODS, ink, looks, plain, themed

Array = NDArray[np.float64]
SMOOTHING = "label smoothing"


@themed
def confidence_over_dose(doses: Sequence[float], confidence: Array, accuracy: Array) -> Figure:
    """Plot mean confidence and accuracy of networks over the dose of their label smoothing.

    Args:
        doses: dose of each network.
        confidence, accuracy: in %, of each network.
    """
    title = "A dose lowers confidence, not accuracy"
    figure, (axis,) = new_panels(1, 6.4, 3.4, title)
    notes = []
    for name, values, colour in (
        ("accuracy", accuracy, GREY),
        ("mean confidence", confidence, OF_METHODS[SMOOTHING]),
    ):
        axis.plot(doses, values, "o-", color=colour)
        axis.text(doses[-1] + 0.03, values[-1], name, color=colour, va="center")
        notes.append(f"{name} {values[0]:.0f} → {values[-1]:.0f}")
    axis.set(xlabel="dose of label smoothing (0: BCE)", ylabel="test images of shapes, %")
    axis.set(xlim=(-0.02, 0.62), ylim=(60, 100))
    figure.set_label(f"{title}: over doses from 0 to {doses[-1]:g}, in %: {', '.join(notes)}.")
    return figure


@themed
def targets_and_scores(targets: Mapping[str, Array], scores: Mapping[str, Array]) -> Figure:
    """Show the targets of a pixel over epochs, and scores of networks that were trained on such.

    Args:
        targets: technique -> (epochs,) targets in [0, 1]; the last is that of label smoothing.
        scores: technique -> (seeds,) scaled Brier scores, in the same order.
    """
    *_, smoothing = scores.values()
    title = "The more the targets vary, the lower the Brier score"
    figure, (left, right) = new_panels(
        2, 4.9, 3.2, title, sharey=True, gridspec_kw={"width_ratios": (3, 2)}
    )
    notes = []
    for row, (name, values) in enumerate(targets.items()):
        ends = 0.5, len(values) + 0.5, row + 0.3, row - 0.3  # the first epoch is 1
        left.imshow(values[None], cmap="gray", vmin=0, vmax=1, aspect="auto", extent=ends)
        left.plot(  # a white strip would dissolve into the page
            [ends[0], ends[1], ends[1], ends[0], ends[0]],
            [row - 0.3, row - 0.3, row + 0.3, row + 0.3, row - 0.3],
            color=ink(), linewidth=1, clip_on=False,
        )  # fmt: skip
        difference = scores[name] - smoothing
        colour = OF_METHODS[SMOOTHING] if difference.std() == 0 else GREEN
        right.plot(difference, np.full(len(difference), row), "o", color=colour, alpha=0.45, mew=0)
        right.plot([difference.mean()], [row], "|", color=colour, ms=24, mew=3)
        below = f"lower with {(difference < 0).sum()} of {len(difference)} seeds"
        notes.append(
            f"{name}: standard deviation {values.std():z.2f}, score minus that of label smoothing "
            f"{difference.mean():z.3f}, {below}"
        )
    labels = [
        f"{plain(name)}\nstandard deviation {values.std():z.2f}" for name, values in targets.items()
    ]
    left.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.5, -0.5))
    left.set(xlabel="epoch", xlim=(0.5, len(values) + 0.5), title="targets of a foreground pixel")
    left.tick_params(axis="y", length=0)
    left.spines[:].set_visible(False)
    right.axvline(0, color=ink(), linestyle="--", linewidth=1, zorder=0)
    right.set(xlabel="scaled Brier score, minus label smoothing", title="dot: a seed; bar: mean")
    right.xaxis.get_major_locator().set_params(nbins=4)
    right.tick_params(axis="y", length=0)
    right.spines.left.set_visible(False)
    figure.set_label(f"{title}. {'; '.join(notes)}.")
    return figure


@themed
def confidence_of_kinds(doses: Array, methods: Mapping[str, Array]) -> Figure:
    """Plot the mean confidence on background and on ambiguous pixels over the dose.

    Args:
        doses: the doses of the networks.
        methods: method -> confidence on the two kinds of pixels, in [0, 1], (doses, 2), or (2,) if
            the method has no dose.
    """
    title = "Constant alpha, undone, doubts where doubt is due"
    kinds = "background", "ambiguous pixels"
    figure, axes = new_panels(len(kinds), 4.9, 3.5, title, sharey=True)
    notes = []
    for k, (axis, kind) in enumerate(zip(axes, kinds, strict=True)):
        ends = []
        for name, (colour, line, _) in looks(methods).items():
            values = np.broadcast_to(100 * methods[name][..., k], len(doses))
            mark = "o" if methods[name].ndim > 1 else ""
            axis.plot(doses, values, line, color=colour, marker=mark, ms=5)
            if axis is axes[-1]:
                axis.text(doses[-1] + 0.03, values[-1], plain(name), color=colour, va="center")
            ends.append(f"{name} {values[0]:.0f} → {values[-1]:.0f}")
        notes.append(f"{kind}: {', '.join(ends)}")
        axis.set(title=kind, xlabel="dose", xlim=(-0.02, 0.62), ylim=(60, 101))
    axes[0].set(ylabel="mean confidence, %")
    figure.set_label(
        f"{title}: mean confidence in %, over doses from 0 to {doses[-1]:g}. {'. '.join(notes)}."
    )
    return figure
