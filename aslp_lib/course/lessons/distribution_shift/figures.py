"""Figures of one image under every corruption, and of the NLL on every set."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.data.image_set import ImageSet
from aslp_lib.evaluation.figures.style import (
    GREY,
    ORANGE,
    ink,
    legend_below,
    line_widths,
    looks,
    new_figure,
    plain,
    themed,
)


@themed
def corruptions(dataset: ImageSet, index: int, seed: int = 0) -> Figure:
    """Show an image and the outline of its mask under each corruption, a column per kind.

    The severity increases from row to row.

    Args:
        index: index of the image in the set.
        seed: seed of the corruptions, as in `Corrupted`.
    """
    kinds = {k: [*names] for k, names in groupby(CORRUPTIONS, lambda name: CORRUPTIONS[name].kind)}
    rows = max(map(len, kinds.values()))
    figure = new_figure(1.1 * (1 + len(kinds)), 1.15 * rows + 0.2, None)
    grid = figure.subplots(rows, 1 + len(kinds), squeeze=False)
    for axis in grid.flat:
        axis.set_axis_off()
    clean_share = _draw_image(grid[0, 0], dataset.loaded(index), "as it is")
    notes = []
    for axes, (kind, names) in zip(grid.T[1:], kinds.items(), strict=True):
        shares = [
            _draw_image(axis, Corrupted(dataset, name, seed).load(index), name)
            for axis, name in zip(axes, names, strict=False)
        ]
        if any(abs(share - clean_share) >= 0.005 for share in shares):
            percents = ", ".join(f"{100 * share:.0f}" for share in shares)
            notes.append(f"{percents} % under {kind}")
    figure.set_label(
        f"Image {index} of {dataset.name} as it is and under {len(kinds)} kinds of corruption, a "
        f"column each, stronger from row to row: {', '.join(kinds)}. A line "
        f"goes round the foreground, {100 * clean_share:.0f} % of the image; it becomes "
        f"{'; '.join(notes) or 'no other share anywhere'}."
    )
    return figure


def _draw_image(axis: Axes, item: tuple[Tensor, Tensor], title: str) -> float:
    """Draw an image with the outline of its mask, and return its share of foreground."""
    image, mask = item[0].permute(1, 2, 0).numpy(), item[1][0].numpy()
    axis.imshow(image)
    axis.set_title(title, fontsize=9)
    if mask.any():
        # A margin closes the line where the foreground meets the edge of the image.
        down, across = (np.arange(-1, length + 1) for length in mask.shape)
        grid = across, down, np.pad(mask, 1)
        for colour, width in (("white", 2.2), (ORANGE, 1.1)):
            axis.contour(*grid, levels=[0.5], colors=[colour], linewidths=width)
        axis.set(xlim=(-1, mask.shape[1]), ylim=(mask.shape[0], -1))
    return float(mask.mean())


@themed
def nll_by_set(values: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> Figure:
    """Plot the mean NLL over seeds, with a row per set and a marker per method.

    A dotted line is the NLL of a network that predicts f = 1/2 everywhere.

    Args:
        values: set -> method -> NLL of each seed; every set has the same methods.
    """
    sets, methods = list(values), list(next(iter(values.values())))
    means = np.array([[np.mean(seeds) for seeds in row.values()] for row in values.values()])
    figure, (axis,) = new_panels(1, 6.8, 1.3 + 0.45 * len(sets))
    rows = np.arange(len(sets))
    axis.hlines(rows, 0, means.max(), color=GREY, linewidth=0.5)
    sizes = line_widths(len(methods))
    for method, mean, (colour, _, mark), size in zip(
        methods, means.T, looks(), sizes, strict=False
    ):
        axis.plot(
            mean, rows, mark, color=colour, label=plain(method, 30),
            markersize=3 + 3.5 * size, markeredgecolor="black", markeredgewidth=0.6,
        )  # fmt: skip
    axis.axvline(np.log(2), color=ink(), linestyle=":", linewidth=1, label="f = 1/2 everywhere")
    axis.set(title=plain(title, 60), xlabel="NLL, nats per pixel", yticks=rows, yticklabels=sets)
    axis.set(xlim=(0, None), ylim=(len(sets) - 0.5, -0.5))
    legend_below(figure, axis)
    notes = [
        f"{name}: " + ", ".join(map("{} {:.2f}".format, methods, row))
        for name, row in zip(sets, means, strict=True)
    ]
    figure.set_label(f"{title}. NLL in nats on {'; on '.join(notes)}.")
    return figure
