"""Figures of label perturbation: the effect of varying targets, and of the dose."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.evaluation.figures.style import GREEN, GREY, OF_METHODS, PINK, ink, plain, themed

Array = NDArray[np.float64]


@themed
def targets_and_scores(targets: Mapping[str, Array], scores: Mapping[str, Array]) -> Figure:
    """Show the targets of a pixel over epochs, and scores of networks that were trained on such.

    Args:
        targets: technique or method -> (epochs,) targets in [0, 1]; the last are those of BCE.
        scores: technique or method -> (seeds,) scaled Brier scores, in the same order.
    """
    *_, (without_dose, baseline) = scores.items()
    title = "At the dose 0.2, targets that change score better than their mean"
    figure, (left, right) = new_panels(
        2, 4.9, 3.2, title, sharey=True, gridspec_kw={"width_ratios": (3, 2)}
    )
    notes, labels = [], []
    for row, (name, values) in enumerate(targets.items()):
        varies = "no dose" if name == without_dose else f"standard deviation {values.std():z.2f}"
        labels.append(f"{plain(name)}\n{varies}")
        ends = 0.5, len(values) + 0.5, row + 0.3, row - 0.3  # the first epoch is 1
        left.imshow(values[None], cmap="gray", vmin=0, vmax=1, aspect="auto", extent=ends)
        left.plot(  # a white strip would dissolve into the page
            [ends[0], ends[1], ends[1], ends[0], ends[0]],
            [row - 0.3, row - 0.3, row + 0.3, row + 0.3, row - 0.3],
            color=ink(), linewidth=1, clip_on=False,
        )  # fmt: skip
        difference = scores[name] - baseline
        colour = OF_METHODS.get(name, GREEN)
        right.plot(difference, np.full(len(difference), row), "o", color=colour, alpha=0.7, mew=0)
        right.plot([difference.mean()], [row], "|", color=colour, ms=24, mew=3)
        below = f"lower with {(difference < 0).sum()} of {len(difference)} seeds"
        notes.append(f"{name}: {varies}, score minus that of BCE {difference.mean():z.3f}, {below}")
    of_seeds = [scores[name] - baseline for name in targets if name != without_dose]
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


def confidence_of_kinds(doses: Array, methods: Mapping[str, Array]) -> Figure:
    """Plot the mean confidence on background and on ambiguous pixels over the dose.

    Args:
        doses: the doses of the networks.
        methods: method -> confidence on the two kinds of pixels, in [0, 1], (doses, 2), or (2,) if
            the method has no dose.
    """
    panels = {
        f"confidence on {kind}, %": {
            name: np.broadcast_to(100 * means[..., k], len(doses))
            for name, means in methods.items()
        }
        for k, kind in enumerate(("background", "ambiguous pixels"))
    }
    title = "With its dose, constant alpha's doubt grows, mostly on ambiguous pixels"
    return curves(doses, panels, "dose", title, digits=".0f", ylim=(60, 101))


@themed
def at_a_square(image: Array, maps: Mapping[str, Array], pixel: tuple[int, int]) -> Figure:
    """Show an image and maps of probabilities, whose value at a pixel in a square is below each.

    Args:
        image: (H, W) in [0, 1].
        maps: name -> (H, W) in [0, 1].
        pixel: row and column of the pixel.
    """
    figure, (axes,) = picture_grid({"": [image, *maps.values()]}, 1.75)
    row, column = pixel
    for axis, name in zip(axes, ("image", *maps), strict=True):
        axis.plot(column, row, "s", color=PINK, fillstyle="none", ms=7, mew=1.6)
        axis.set_title(plain(name, 16), fontsize=10)
        axis.spines[:].set_visible(True)
    values = {name: f"{100 * values[pixel]:.0f} %" for name, values in maps.items()}
    for axis, value in zip(axes[1:], values.values(), strict=True):
        axis.set_xlabel(value)
    figure.set_label(
        "Pictures: an image, and maps of the probability of foreground, with one pixel in a pink "
        f"square. There: {'; '.join(f'{name} {value}' for name, value in values.items())}."
    )
    return figure
