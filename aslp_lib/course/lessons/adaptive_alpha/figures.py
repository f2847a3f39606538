"""Figures of the evidence for an alpha, of images with their alphas, and of what rules achieve."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt

from aslp_lib.course.figures.panels import new_panels, outline, pictures
from aslp_lib.course.figures.seeds import by_seed
from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, OTHERS, ink, themed


@themed
def evidence(true: np.ndarray, measured: np.ndarray, margin: float = 5) -> Figure:
    """Plot measured over true overconfidence of images, with filled dots where the two differ.

    Args:
        true, measured: overconfidence of images in points, (images,) each.
        margin: the difference in points beyond which a dot is filled.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.9)
    line, wrong, colour = np.array([0, 60]), abs(measured - true) > margin, OF_METHODS["BCE"]
    axis.plot(line, line, color=ink(), linewidth=1, label="measured = true", zorder=1)
    dots: dict[str, Any] = {"s": 20, "edgecolor": colour, "linewidth": 1, "zorder": 2}
    for kind, face, name in ((wrong, colour, "more than"), (~wrong, "none", "at most")):
        name = f"wrong by {name} {margin:g} points"
        axis.scatter(true[kind], measured[kind], facecolor=face, label=name, **dots)
    axis.set(title=f"BCE on {len(true)} new images, a dot each")
    axis.set(xlabel="true overconfidence, points", ylabel="measured overconfidence, points")
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    text = (
        f"Measured over true overconfidence of BCE in points, a dot per image. Mean measured "
        f"{measured.mean():z.0f}, true {true.mean():.0f}; wrong by more than {margin:g}: "
        f"{100 * wrong.mean():.0f} %."
    )
    figure.set_label(text.replace("-", "−"))
    return figure


def with_posterior(dataset: Shapes, images: Mapping[str, int]) -> Figure:
    """Show images with their labels and posteriors, whose values are written on the shapes.

    A value stands where a wide ellipse, like a word, has most room.

    Args:
        images: name -> index of the image.
    """
    posteriors = dataset.posterior[[*images.values()]].round(2)
    rows = {
        name: (dataset.images[i].permute(1, 2, 0).numpy(), dataset.mask(i), posterior)
        for (name, i), posterior in zip(images.items(), posteriors, strict=True)
    }
    notes = []
    for (name, i), posterior in zip(images.items(), posteriors, strict=True):
        for pi in np.unique(posterior[posterior > 0]):
            foreground = bool((dataset.masks[i, 0].numpy()[posterior == pi] == 1).any())
            label = "foreground" if foreground else "background"
            notes.append(f"{name}: a shape of π {pi:.2f}, labelled {label}.")
    columns = ["image", "label", "posterior π"]
    figure = pictures(rows, " ".join(notes), columns, side=1.6)
    for axis, posterior in zip(figure.axes[2::3], posteriors, strict=True):
        outline(axis, (posterior > 0).astype(float))  # a dark shape would dissolve into black
        for pi in np.unique(posterior[posterior > 0]):
            depth = distance_transform_edt(np.pad(posterior == pi, 1), sampling=(1, 0.4))
            y, x = np.unravel_index(depth.argmax(), depth.shape)
            colour = "black" if pi > 0.5 else "white"
            text = axis.text(x - 1, y - 1, f"{pi:.2f}", color=colour, fontsize=9)
            text.set(ha="center", va="center")
    return figure


@themed
def alphas_of_images(
    epochs: Sequence[int],
    alphas: np.ndarray,
    bound: np.ndarray,
    images: Mapping[str, int],
    groups: Mapping[str, Sequence[int]],
) -> Figure:
    """Plot the alphas of all images over the epochs, two groups and two images marked.

    Args:
        alphas: (epochs, images) alphas.
        bound: (epochs,) MC's bound.
        images: name -> index of the image, for two images: the first to rise and the last.
        groups: name -> indices of its images, for the first to rise, the last, and all.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.7)
    colours, (first, last), every = (OF_METHODS["ASLP"], OTHERS[2]), images, [*groups][-1]
    pale: dict[str, Any] = {"color": GREY, "alpha": 0.4, "linewidth": 0.6}
    axis.plot(epochs, alphas[:, groups[every]], **pale)
    axis.plot([], [], label="other images", **pale | {"linewidth": 2.2})
    marked = zip(list(groups.items())[:2], images.values(), colours, strict=True)
    for (name, group), image, colour in marked:
        axis.plot(epochs, alphas[:, group], color=colour, linewidth=0.8)
        axis.plot(epochs, alphas[:, image], color=colour, linewidth=2.2, label=name)
    axis.plot(epochs, bound, color=ink(), linewidth=1.2, label="MC's bound")
    near = int(np.argmax(alphas[:, images[last]] > 0.6 * alphas[-1, images[last]]))
    axis.text(14.5, alphas[epochs.index(16), images[first]], first, ha="right", color=colours[0])
    axis.text(epochs[near] + 2, alphas[near, images[last]], last, va="top", color=colours[1])
    axis.legend(loc="lower right", frameon=False)
    axis.set(xlabel="epoch", ylabel="perturbation level α", ylim=(0, 0.18))
    axis.set(yticks=(0, 0.05, 0.1, 0.15), xlim=(0, epochs[-1]))
    axis.set(title=f"Alphas of {alphas.shape[1]} training images, a line each")
    ends = (f"{name} {alphas[-1, i]:.3f}" for name, i in images.items())
    low, high = np.quantile(alphas[-1], [0.1, 0.9])
    figure.set_label(
        f"Alphas of {alphas.shape[1]} images over epochs, from 0 to {', '.join(ends)}, middle 80 % "
        f"of all {low:.3f} to {high:.3f}, MC's bound {bound[-1]:.3f}."
    )
    return figure


def gaps_as_trained(points: Mapping[str, np.ndarray]) -> Figure:
    """Plot confidence minus accuracy in points: method -> its runs, one a seed."""
    sides = "overconfident", "underconfident"
    title = "Confidence minus accuracy of five runs, as trained"
    return _with_key(by_seed(points, "confidence − accuracy, points", title, 1, sides))


def scaled_nll(differences: Mapping[str, np.ndarray]) -> Figure:
    """Plot the scaled NLL minus that of BCE in nats: method -> its runs, one a seed."""
    title = "NLL after temperature scaling, compared with BCE's"
    sides = "worse than BCE", "better than BCE"
    return _with_key(by_seed(differences, "scaled NLL minus that of BCE, nats", title, 3, sides))


def _with_key(figure: Figure) -> Figure:
    """Say under a figure of `by_seed` what its marks mean."""
    key = "test images; a dot is a run, a line joins the runs of a seed, a bar is the median"
    figure.axes[0].set_xlabel(key, fontsize=9, labelpad=8)
    return figure
