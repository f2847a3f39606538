"""Figures of images beside their masks, predicted maps and calibration errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from aslp_lib.evaluation.figures.style import directions, new_figure, plain, themed

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

    from aslp_lib.data.image_set import ImageSet

SIDE = 1.5
"""Width and height of an image in inches."""
LIMIT = 0.3
"""Error of a pixel at which the colours saturate."""


@themed
def gallery(
    dataset: ImageSet, indices: Sequence[int], maps: Mapping[str, Sequence[np.ndarray]]
) -> Figure:
    """Draw images beside their masks, their true posteriors where known, and predicted maps.

    Each image has a row and each method has a column.

    >>> from aslp_lib.data.shapes import Shapes
    >>> grey_levels = np.full((16, 16), 128, np.uint8)
    >>> figure = gallery(Shapes("test", 3, seed=0, size=16), [2], {"BCE": [grey_levels]})
    >>> [axis.get_title() for axis in figure.axes]
    ['image', 'mask', 'true P(y=1)', 'BCE']

    Args:
        dataset: set of the images.
        indices: indices of the images in the set.
        maps: label -> (H, W) uint8 maps, in the order of `indices`.
    """
    columns = {label: [m / 255 for m in stack] for label, stack in maps.items()}
    note = "White is foreground; the greyer a map, the lower its confidence"
    if dataset.classes:
        note = f"The predicted classes, from black to white: {', '.join(dataset.classes)}"
    return _grid(dataset, indices, columns, note)


@themed
def error_maps(
    dataset: ImageSet, indices: Sequence[int], maps: Mapping[str, Sequence[np.ndarray]]
) -> Figure:
    """Draw where the methods are overconfident or underconfident, beside image and prediction.

    The calibration error of a pixel is the confidence in the predicted class minus the probability
    that this class is right: the true posterior where the set knows it. Otherwise the probability
    is unknown, and both confidence and correctness of the prediction are averaged over the
    neighbourhood (`local_calibration_error`).

    >>> from aslp_lib.data.shapes import Shapes
    >>> grey_levels = np.full((16, 16), 128, np.uint8)
    >>> figure = error_maps(Shapes("test", 3, seed=0, size=16), [2], {"BCE": [grey_levels]})
    >>> [axis.get_title() for axis in figure.axes[:5]]
    ['image', 'mask', 'true P(y=1)', 'BCE', 'BCE, error']

    Args:
        dataset: set of the images.
        indices: indices of the images in the set.
        maps: label -> (H, W) uint8 maps, in the order of `indices`.
    """
    posterior = getattr(dataset, "posterior", None)

    def error(index: int, probability: np.ndarray) -> np.ndarray:
        if posterior is None:
            return local_calibration_error(probability, dataset.mask(index))
        return pixel_calibration_error(probability, posterior[index])

    columns: dict[str, Sequence[np.ndarray]] = {}
    notes, scales = [], {}
    minus = "confidence − P(decision is right)"
    if posterior is None:
        minus = "confidence − accuracy, averaged over the neighbourhood"
    over_colour, under_colour = directions()
    colours = LinearSegmentedColormap.from_list("error", [under_colour, "white", over_colour])
    norm = Normalize(-LIMIT, LIMIT)
    for label, stack in maps.items():
        columns[label] = [m / 255 for m in stack]
        columns[f"{label}, error"] = errors = list(map(error, indices, columns[label]))
        over, under = _parts(np.concatenate([error.ravel() for error in errors]))
        scales[f"{label}, error"] = colours, norm
        notes.append(
            f"{label} is overconfident by {over:.1f} and underconfident by {under:.1f} points in "
            "the mean"
        )
    note = f"The error is {minus}: {'; '.join(notes)}"
    figure = _grid(dataset, indices, columns, note, scales)
    figure.set_figheight(figure.get_figheight() + 0.6)
    figure.colorbar(
        ScalarMappable(norm, colours),
        ax=figure.axes,
        location="bottom",
        aspect=50,
        extend="both",
        format=FuncFormatter(lambda x, _: f"{100 * x:+.0f}"),
        label=f"underconfident   ←   {minus}, percentage points   →   overconfident",
    )
    return figure


def _parts(error: np.ndarray) -> list[float]:
    """Return the mean overconfidence and underconfidence of an error, in percentage points."""
    return [float(100 * np.nanmean(np.maximum(sign * error, 0))) for sign in (1, -1)]


def pixel_calibration_error(probability: np.ndarray, posterior: np.ndarray) -> np.ndarray:
    """Compute confidence minus the true probability of the predicted class, for each pixel.

    >>> pixel_calibration_error(np.array([0.9, 0.1]), np.array([0.7, 0.0])).round(2)
    array([ 0.2, -0.1])

    Args:
        probability: predicted P(y = 1), any shape.
        posterior: true P(y = 1), same shape.
    """
    foreground = probability >= 0.5
    return np.where(foreground, probability - posterior, posterior - probability)


def local_calibration_error(
    probability: np.ndarray, mask: np.ndarray, radius: float = 0.05
) -> np.ndarray:
    """Compute confidence minus accuracy around each pixel, weighted by a Gaussian.

    A single pixel is either right or wrong, so that its error says nothing about calibration. The
    average over a neighbourhood does, as far as its pixels are alike. It trades noise against
    detail: with a larger radius, it is less noisy and less sharp.

    >>> probability, mask = np.full((8, 8), 0.8), np.ones((8, 8))
    >>> local_calibration_error(probability, mask)[0, 0].round(2)  # 80 % confident, always right
    np.float64(-0.2)

    Args:
        probability: predicted P(y = 1), shape (H, W).
        mask: label, shape (H, W), 0 or 1; a larger one for pixels to ignore, whose error is NaN.
        radius: standard deviation of the Gaussian, as a share of the longer side.
    """
    from scipy.ndimage import gaussian_filter

    confidence = np.maximum(probability, 1 - probability)
    error = confidence - ((probability >= 0.5) == (mask >= 0.5))
    average = partial(gaussian_filter, sigma=radius * max(mask.shape))
    labelled = mask <= 1
    averages = average(np.where(labelled, error, 0)) / average(labelled.astype(np.float64))
    return np.where(labelled, averages, np.nan)


def _grid(
    dataset: ImageSet,
    indices: Sequence[int],
    maps: Mapping[str, Sequence[np.ndarray]],
    note: str,
    scales: Mapping[str, tuple[Colormap, Normalize]] = {},
) -> Figure:
    """Draw columns of pictures under their titles: images, masks, posteriors where known, and maps.

    Args:
        maps: title -> pictures.
        note: description of the maps in words.
        scales: title -> colours of maps of errors; other maps are grey.
    """
    last = max(len(dataset.classes) - 1, 1)  # number of the last class
    columns: dict[str, Sequence[np.ndarray]] = {
        "image": [dataset.load(i)[0].permute(1, 2, 0).numpy() for i in indices],
        "mask": [np.where(m <= last, m / last, np.nan) for m in map(dataset.mask, indices)],
    }
    if (posterior := getattr(dataset, "posterior", None)) is not None:
        columns["true P(y=1)"] = [posterior[i] for i in indices]
    columns |= maps
    figure = new_figure(SIDE * len(columns), SIDE * len(indices) + 0.5)
    grid = figure.subplots(len(indices), len(columns), squeeze=False)
    for axes, (title, pictures) in zip(grid.T, columns.items(), strict=True):
        colours, norm = scales.get(title, ("gray", Normalize(0, 1)))
        axes[0].set_title(plain(title, 20))
        for axis, picture in zip(axes, pictures, strict=True):
            axis.imshow(picture, cmap=colours, norm=norm)
            axis.set_axis_off()
            if title in scales:
                text = "{:.1f} over, {:.1f} under".format(*_parts(picture))
                axis.annotate(text, (0.5, -0.03), xycoords="axes fraction", ha="center", va="top")
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a row each, from left to right: "
        f"{', '.join(columns)}. {note}."
    )
    return figure
