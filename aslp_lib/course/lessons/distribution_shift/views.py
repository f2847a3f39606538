"""Pictures of crops, and of what is checked and missed in them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from aslp_lib.course.figures import pictures
from aslp_lib.course.figures.panels import outline, picture_grid
from aslp_lib.course.lessons.distribution_shift.laboratory import MISS
from aslp_lib.data.image_set import ImageSet
from aslp_lib.data.nuclei import Nuclei
from aslp_lib.evaluation.figures.style import PINK, themed

COSTS = {
    "checked: costs 1": "0.55",
    f"missed nucleus: costs {MISS}": PINK,
    "all else: costs 0": "white",
}
"""What becomes of a pixel, and its colour."""


def outcomes(f: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the colours of pixels that are checked, missed, or rightly left alone; see `COSTS`.

    >>> outcomes(np.array([0.9, 0.05]), np.array([0, 0])).tolist()
    [[0.55, 0.55, 0.55], [1.0, 1.0, 1.0]]
    """
    colours = np.array([to_rgb(colour) for colour in COSTS.values()])
    return colours[np.where(f > 1 / MISS, 0, np.where(mask, 1, 2))]


def examples(sets: Mapping[str, Nuclei], chosen: Sequence[int] = (3, 13, 23, 33)) -> Figure:
    """Show some crops of each set, a set in a row."""
    rows = {label: part.crops[list(chosen)] / 255 for label, part in sets.items()}
    return pictures(rows, "Dark nuclei, on white except in brightfield, where grey surrounds them.")


def paid_by_crop(f: np.ndarray, masks: np.ndarray, miss: float = MISS) -> np.ndarray:
    """Return the bill of 100 pixels of each crop.

    >>> paid_by_crop(np.array([[[0.2, 0.05], [0.05, 0.05]]]), np.array([[[0, 1], [0, 0]]]))
    array([275.])
    """
    checked = f > 1 / miss
    return 100 * np.where(checked, 1, miss * masks).mean(axis=(1, 2))


def _picture(part: ImageSet, index: int) -> np.ndarray:
    return part.load(index)[0].permute(1, 2, 0).numpy()


@themed
def outlined(part: ImageSet, f: np.ndarray) -> Figure:
    """Show all crops of a set, and below them their maps of f, with the outlines of the labels."""
    crops = [_picture(part, i) for i in range(len(part))]
    figure, grid = picture_grid({"image and label": crops, "f and label": list(f)}, 1.3)
    for i, axes in enumerate(grid.T):
        for axis in axes:
            outline(axis, part.mask(i))
            axis.spines[:].set_visible(True)
    figure.set_label(
        f"{len(part)} crops of {part.name} with the outlines of the labels. Below, the maps of f, "
        f"whose mean is {100 * f.mean():.0f} %."
    )
    return figure


@themed
def before_and_after(part: ImageSet, maps: Mapping[str, np.ndarray]) -> Figure:
    """Show what is checked and missed before and after a recalibration, in two crops.

    These are the crop whose bill falls most, and the one whose bill rises most.

    Args:
        part: the set of the crops.
        maps: name of the column -> maps of f, before and after.
    """
    masks = np.array([part.mask(i) for i in range(len(part))])
    paid = {name: paid_by_crop(f, masks) for name, f in maps.items()}
    change = np.subtract(*reversed(paid.values()))
    chosen = {"bill falls most": change.argmin(), "bill rises most": change.argmax()}
    rows = {
        name: [_picture(part, int(i)), *(outcomes(f[i], masks[i]) for f in maps.values())]
        for name, i in chosen.items()
    }
    figure, grid = picture_grid(rows, 1.9)
    notes = []
    for axes, (row, i) in zip(grid, chosen.items(), strict=True):
        outline(axes[0], masks[i])
        for axis, (name, bills) in zip(axes[1:], paid.items(), strict=True):
            axis.set_title(f"{name}: paid {bills[i]:.0f}", fontsize=10)
            notes.append(f"{row}, {name}: paid {bills[i]:.0f}")
        for axis in axes:
            axis.spines[:].set_visible(True)
    for axes in grid:
        axes[0].set_title("image and label", fontsize=10)
    patches = [Patch(facecolor=c, edgecolor="black", label=name) for name, c in COSTS.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.set_label(f"What is checked and missed in two crops, with the bill. {'; '.join(notes)}.")
    return figure
