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

    from aslp_lib.data.base import SaliencySet

SIDE = 1.5
"""Width and height of an image in inches."""


@themed
def gallery(
    dataset: SaliencySet, indices: Sequence[int], maps: Mapping[str, Sequence[np.ndarray]]
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
    columns = _known(dataset, indices)
    columns |= {label: [m / 255 for m in stack] for label, stack in maps.items()}
    figure = _grid(columns, {})
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a row each, from left to right: "
        f"{', '.join(columns)}. White is foreground; the greyer a map, the lower its confidence."
    )
    return figure


@themed
def error_maps(
    dataset: SaliencySet,
    indices: Sequence[int],
    maps: Mapping[str, Sequence[np.ndarray]],
    limit: float = 30,
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
        limit: error in percentage points at which the colours saturate.
    """
    columns = _known(dataset, indices)
    posterior = getattr(dataset, "posterior", None)
    errors, notes = {}, []
    for label, stack in maps.items():
        columns[label] = [m / 255 for m in stack]
        columns[f"{label}, error"] = errors[f"{label}, error"] = [
            local_calibration_error(p, dataset.mask(i))
            if posterior is None
            else pixel_calibration_error(p, posterior[i])
            for i, p in zip(indices, columns[label], strict=True)
        ]
        over = np.concatenate([100 * error.ravel() for error in errors[f"{label}, error"]])
        over = over[~np.isnan(over)]
        notes.append(
            f"{label} is overconfident by {np.maximum(over, 0).mean():.1f} and underconfident by "
            f"{np.maximum(-over, 0).mean():.1f} points in the mean"
        )
    minus = "confidence − P(decision is right)"
    if posterior is None:
        minus = "confidence − accuracy, averaged over the neighbourhood"
    over_colour, under_colour = directions()
    colours = LinearSegmentedColormap.from_list("error", [under_colour, "white", over_colour])
    norm = Normalize(-limit / 100, limit / 100)
    figure = _grid(columns, dict.fromkeys(errors, (colours, norm)))
    grid = np.array(figure.axes).reshape(len(indices), len(columns))
    for axes, title in zip(grid.T, columns, strict=True):
        for axis, error in zip(axes, errors.get(title, ()), strict=False):
            over, under = (100 * np.nanmean(np.maximum(sign * error, 0)) for sign in (1, -1))
            axis.annotate(
                f"{over:.1f} over, {under:.1f} under", (0.5, -0.03), xycoords="axes fraction",
                ha="center", va="top",
            )  # fmt: skip
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
    figure.set_label(
        f"{len(indices)} images of {dataset.name}, a row each, from left to right: "
        f"{', '.join(columns)}. The error is {minus}: "
        f"{'; '.join(notes)}."
    )
    return figure


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
    if labelled.all():
        return np.asarray(average(error))
    averages = average(np.where(labelled, error, 0)) / average(labelled.astype(np.float64))
    return np.where(labelled, averages, np.nan)


def _known(dataset: SaliencySet, indices: Sequence[int]) -> dict[str, list[np.ndarray]]:
    """Return the columns of what is known of the images: themselves, masks and posteriors."""
    columns: dict[str, list[np.ndarray]] = {
        "image": [dataset.load(i)[0].permute(1, 2, 0).numpy() for i in indices],
        "mask": [np.where(mask <= 1, mask, np.nan) for mask in map(dataset.mask, indices)],
    }
    if (posterior := getattr(dataset, "posterior", None)) is not None:
        columns["true P(y=1)"] = [posterior[i] for i in indices]
    return columns


def _grid(
    columns: Mapping[str, Sequence[np.ndarray]], scales: Mapping[str, tuple[Colormap, Normalize]]
) -> Figure:
    """Draw columns of pictures under their titles, in grey unless `scales` has their colours."""
    rows = len(next(iter(columns.values())))
    figure = new_figure(SIDE * len(columns), SIDE * rows + 0.5, None)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for axes, (title, pictures) in zip(grid.T, columns.items(), strict=True):
        colours, norm = scales.get(title, ("gray", Normalize(0, 1)))
        axes[0].set_title(plain(title, 20))
        for axis, picture in zip(axes, pictures, strict=True):
            axis.imshow(picture, cmap=colours, norm=norm)
            axis.set_axis_off()
    return figure
