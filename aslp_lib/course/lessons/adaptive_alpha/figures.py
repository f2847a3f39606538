"""Figures of the evidence for an alpha, of images with their alphas, and of what rules achieve."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt

from aslp_lib.course.figures.panels import new_panels, outline, pictures
from aslp_lib.course.figures.seeds import by_seed
from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, themed


@themed
def evidence(
    training: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray], band: float = 5
) -> Figure:
    """Plot measured over true overconfidence, with a dot per image, darker beyond the band.

    Args:
        training, new: true and measured overconfidence of images in points, (images,) each.
        band: half of the height of the band around the line of equality.
    """
    figure, axes = new_panels(2, 3.9, 3.9, sharex=True, sharey=True)
    line, notes = np.array([0, 60]), []
    parts = {
        "Training images: measured 0,\nwhatever the truth": training,
        "New images: right on average,\noff by more than {} points for {}": new,
    }
    for axis, (title, (true, measured)) in zip(axes, parts.items(), strict=True):
        wrong = abs(measured - true) > band
        share = f"{wrong.mean():.0%}".replace("%", " %")
        colours = [to_rgba(OF_METHODS["BCE"], 0.9 if x else 0.45) for x in wrong]
        axis.scatter(true, measured, s=18, c=colours, linewidths=0, zorder=2)
        axis.plot(line, line, color=ink(), linewidth=1, zorder=3)
        area: dict[str, Any] = {"color": GREY, "alpha": 0.11, "linewidth": 0, "zorder": 0}
        axis.fill_between(line, line - band, line + band, **area)
        axis.set(xlabel="true overconfidence, points", title=title.format(f"{band:g}", share))
        notes.append(
            f"{title.split(':')[0]}: mean measured {measured.mean():z.0f}, "
            f"true {true.mean():.0f}, {share} beyond {band:g}"
        )
    axes[0].set(ylabel="measured overconfidence, points")
    turned: dict[str, Any] = {"rotation": 45, "rotation_mode": "anchor", "fontsize": 9}
    turned["transform_rotates_text"] = True
    axes[0].text(38, 38 + band, "measured = true", ha="center", va="bottom", **turned)
    axes[0].text(45, 44 - band, f"within {band:g} points", ha="center", va="top", **turned)
    axes[0].text(1, 64, f"a dot is an image,\nfaint within {band:g} points", va="top", fontsize=9)
    text = (
        f"Measured over true overconfidence of BCE in points, a dot per image. {'; '.join(notes)}."
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
    epochs: Sequence[int], alphas: np.ndarray, bound: np.ndarray, images: Mapping[str, int]
) -> Figure:
    """Plot the alphas of all images over the epochs, two of them marked, and their bound.

    Args:
        alphas: (epochs, images) alphas.
        bound: (epochs,) MC's bound.
        images: name -> index of the image, for two images: the first to rise and the last.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.7)
    axis.plot(epochs, alphas, color=OF_METHODS["ASLP"], alpha=0.25, linewidth=0.8)
    axis.plot(epochs, bound, "--", color=GREY, linewidth=1.5)
    for (name, i), (dx, side) in zip(images.items(), ((-1.5, "right"), (2, "left")), strict=True):
        apart = slice(int(np.searchsorted(epochs, 62)))  # later, all alphas are alike
        axis.plot(epochs[apart], alphas[apart, i], color=ink(), linewidth=1.8)
        near = int(np.argmax(alphas[:, i] > 0.7 * alphas[-1, i]))
        place = epochs[near] + dx, alphas[near, i]
        axis.text(*place, name, ha=side, va="center" if dx < 0 else "top")
    axis.text(45, 0.152, "a line for each image", color=OF_METHODS["ASLP"])
    axis.text(9, 0.168, "MC's bound", color=GREY)
    axis.set(xlabel="epoch", ylabel="perturbation level α", ylim=(0, 0.18))
    axis.set(yticks=(0, 0.05, 0.1, 0.15), xlim=(0, epochs[-1]))
    axis.set(title="Early, each image has its own α; late, all have nearly the same")
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
    title = "The measured gap brings confidence to accuracy"
    return _with_key(by_seed(points, "confidence − accuracy, points", title, 1, sides))


def scaled_nll(differences: Mapping[str, np.ndarray]) -> Figure:
    """Plot the scaled NLL minus that of BCE in nats: method -> its runs, one a seed."""
    worse = differences["ASLP (measured gap)"] > 0
    title = f"Scaled NLL: the measured gap loses to BCE with {worse.sum()} of {len(worse)} seeds"
    sides = "worse than BCE", "better than BCE"
    return _with_key(by_seed(differences, "scaled NLL minus that of BCE, nats", title, 3, sides))


def _with_key(figure: Figure) -> Figure:
    """Say under a figure of `by_seed` what its marks mean."""
    key = "test images; a dot is a run, a line joins the runs of a seed, a bar is a median"
    figure.axes[0].set_xlabel(key, fontsize=9, labelpad=8)
    return figure
