"""Pictures of crops and of what is checked, and reliability diagrams."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from aslp_lib.course.figures import pictures, reliability_dots
from aslp_lib.course.lessons.distribution_shift.laboratory import MISS
from aslp_lib.data.nuclei import Nuclei
from aslp_lib.evaluation.figures.style import GREY
from aslp_lib.metrics.counts import Counts


def decisions(f: np.ndarray) -> np.ndarray:
    """Shade maps of f: black is not checked, grey is, white is checked and predicted as nucleus.

    >>> decisions(np.array([0.05, 0.9])).tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    colours = np.array([to_rgb("black"), to_rgb("0.5"), to_rgb("white")])
    return colours[np.digitize(f, (1 / MISS, 0.5), right=True)]


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


def before_and_after(part: Nuclei, maps: Mapping[str, np.ndarray], chosen: Sequence[int]) -> Figure:
    """Show what is checked before and after a recalibration, and what is paid, a crop in a row.

    Args:
        part: the set of the crops.
        maps: name of the column -> maps of f, before and after.
        chosen: indices of the crops.
    """
    labels = np.array([part.mask(i) for i in chosen])
    shown = [f[list(chosen)] for f in maps.values()]
    paid = [paid_by_crop(f, labels) for f in shown]
    images = part.crops[list(chosen)] / 255
    columns = zip(images, *map(decisions, shown), labels, strict=True)
    rows = {
        f"paid {old:.0f} → {new:.0f}": pictures_of
        for old, new, pictures_of in zip(*paid, columns, strict=True)
    }
    seen = "Afterwards, only the nucleus and little else is checked above, and most of it below."
    return pictures(rows, seen, ["image", *maps, "label"], side=1.4)


def diagram(panels: Mapping[str, Counts]) -> Figure:
    """Plot reliability diagrams, grey where nothing is checked; see `reliability_dots`."""
    figure = reliability_dots(panels)
    for axis in figure.axes:
        axis.axvspan(0, 100 / MISS, color=GREY, alpha=0.25, linewidth=0)
    return figure
