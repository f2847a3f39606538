"""Figures of the evidence for an alpha, and of two images with their alphas."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import distance_transform_edt

from aslp_lib.course.figures.panels import LIGHT_GREY, new_panels, pictures
from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation.figures.style import (
    GREY,
    OF_METHODS,
    ink,
    legend_below,
    looks,
    themed,
)


@themed
def evidence(
    panels: Mapping[str, tuple[np.ndarray, np.ndarray]],
    names: tuple[str, str] = ("true overconfidence, points", "measured overconfidence, points"),
    method: str = "BCE",
    *,
    end: float = 60,
    band: float = 0,
    digits: int = 0,
) -> Figure:
    """Plot one quantity over another that it should equal, with a dot per image.

    Args:
        panels: title -> the two quantities, (images,) each.
        names: names of the two; the first word of each stands in the titles.
        method: method whose colour the dots have.
        end: end of the line of equality.
        band: half of the height of the band around this line, or 0.
        digits: number of decimal places.
    """
    figure, axes = new_panels(len(panels), 3.9, 3.7, sharex=True, sharey=True)
    x_word, y_word = (name.split()[0] for name in names)
    line, notes = np.array([0, end]), []
    for axis, (title, (x, y)) in zip(axes, panels.items(), strict=True):
        dots: dict[str, Any] = {"markersize": 4, "alpha": 0.5, "markeredgewidth": 0}
        axis.plot(x, y, "o", color=OF_METHODS[method], label="image", **dots)
        axis.plot(line, line, "--", color=ink(), linewidth=1, label=f"{y_word} = {x_word}")
        if band:
            area: dict[str, Any] = {"color": LIGHT_GREY, "alpha": 0.5, "linewidth": 0, "zorder": 0}
            axis.fill_between(line, line - band, line + band, label=f"within {band:g}", **area)
        means = f"mean {y_word} {y.mean():z.{digits}f}, {x_word} {x.mean():.{digits}f}"
        means = means.replace("-", "−")
        axis.set(xlabel=names[0], title=f"{title}\n{means}")
        notes.append(f"{title}, {means}, standard deviation {np.std(y - x):.{digits}f}")
    axes[0].set(ylabel=names[1])
    legend_below(figure, axes[0])
    figure.set_label(
        f"{names[1]} over {names[0]}, {method}, a dot per image, with the standard deviation of "
        f"their difference. {'; '.join(notes)}."
    )
    return figure


def with_posterior(dataset: Shapes, images: Mapping[str, int], description: str) -> Figure:
    """Show images with their labels and posteriors, whose values are written on the shapes.

    Args:
        images: name -> index of the image.
        description: description of the pictures, which ends the alt text.
    """
    posteriors = dataset.posterior[[*images.values()]].round(2)
    rows = {
        name: (dataset.images[i].permute(1, 2, 0).numpy(), dataset.mask(i), posterior)
        for (name, i), posterior in zip(images.items(), posteriors, strict=True)
    }
    figure = pictures(rows, description, ["image", "label", "posterior π"], side=1.6)
    for axis, posterior in zip(figure.axes[2::3], posteriors, strict=True):
        for pi in np.unique(posterior[posterior > 0]):
            depth = distance_transform_edt(np.pad(posterior == pi, 1))
            y, x = np.unravel_index(depth.argmax(), depth.shape)
            colour = "black" if pi > 0.5 else "white"
            text = axis.text(x - 1, y - 1, f"{pi:.2f}", color=colour, fontsize=9)
            text.set(ha="center", va="center")
    return figure


@themed
def alphas_of_images(
    epochs: Sequence[int], alphas: np.ndarray, bound: np.ndarray, images: Mapping[str, int]
) -> Figure:
    """Plot the alphas of two images over the epochs, with the middle 80 % of all and their bound.

    Args:
        alphas: (epochs, images) alphas.
        bound: (epochs,) MC's bound.
        images: name -> index of the image, for two images.
    """
    figure, (axis,) = new_panels(1, 6.2, 3.6)
    low, high = np.quantile(alphas, [0.1, 0.9], axis=1)
    style: dict[str, Any] = {"color": OF_METHODS["ASLP"], "alpha": 0.3, "linewidth": 0}
    axis.fill_between(epochs, low, high, label=f"middle 80 % of {alphas.shape[1]} images", **style)
    axis.plot(epochs, bound, color=GREY, linewidth=1, label="MC's bound")
    for line, (name, i) in zip(("-", "--"), images.items(), strict=True):
        axis.plot(epochs, alphas[:, i], line, color=ink(), label=name)
    axis.axvspan(0, 5, color=LIGHT_GREY, alpha=0.5, linewidth=0, label="warm-up")
    axis.set(xlabel="epoch", ylabel="perturbation level α", ylim=(0, 0.2))
    axis.set(yticks=(0, 0.05, 0.1, 0.15, 0.2), xlim=(0, epochs[-1]))
    legend_below(figure, axis)
    ends = (f"{name} {alphas[-1, i]:.3f}" for name, i in images.items())
    figure.set_label(
        f"Alphas over epochs, from 0 to {', '.join(ends)}, middle 80 % of all {low[-1]:.3f} to "
        f"{high[-1]:.3f}, MC's bound {bound[-1]:.3f}."
    )
    return figure


@themed
def paired_by_seed(scores: Mapping[str, np.ndarray], name: str) -> Figure:
    """Show a score of networks, with a line that joins those of the same seed.

    Args:
        scores: network -> its scores, (seeds,).
        name: name of the score.
    """
    figure, (axis,) = new_panels(1, 6.4, 3.4)
    values = np.array([*scores.values()])
    if values.min() < 0 < values.max():
        axis.axhline(0, color=GREY, linewidth=1, linestyle="--")
    axis.plot(values, color=ink(), linewidth=0.8)
    look = looks(scores)
    for x, (network, points) in enumerate(scores.items()):
        colour, _, mark = look[network]
        axis.plot(np.full(len(points), x), points, mark, color=colour, ms=9)
    names = [network.replace("ASLP (", "ASLP\n(") for network in scores]
    axis.set(ylabel=name, xticks=range(len(scores)), xticklabels=names, xlim=(-0.4, x + 0.4))
    means = (f"{network} {np.mean(points):.3f}" for network, points in scores.items())
    means_in_words = ", ".join(means).replace("-", "−")
    figure.set_label(f"{name}, a line for each seed. Means: {means_in_words}.")
    return figure
