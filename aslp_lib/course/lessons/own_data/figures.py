"""Figures of the synthetic cells, and of differences over a few seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.course.lessons.own_data.microscopy import Cells
from aslp_lib.evaluation.figures.style import GREY, ink, themed
from aslp_lib.experiments.seed_statistics import Difference

UNLABELLED_SHADE = "#9DC3E6"


@themed
def cells(data: Cells, indices: Sequence[int]) -> Figure:
    """Show images, masks and true posteriors, one column per image.

    Args:
        indices: indices of the images.
    """
    rows = {"image": 0.2 * data.images + 0.4, "mask": data.masks, "true P(y=1)": data.posterior}
    chosen = list(indices)
    outside = ~data.labelled[chosen, 0].numpy()
    figure, grid = picture_grid(
        {name: np.ma.masked_array(values[chosen, 0], outside) for name, values in rows.items()}, 1.4
    )
    for axis in grid.flat:
        axis.set_facecolor("black" if axis in grid[0] else UNLABELLED_SHADE)
    figure.set_label(
        f"{len(chosen)} images of cells, one column each; from top to bottom: {', '.join(rows)}. "
        "White is foreground, and the grey level is the probability. Pixels outside the round "
        "field of view have no label (blue)."
    )
    return figure


@themed
def more_seeds(differences: Mapping[str, Mapping[int, Difference]], smallest: float) -> Figure:
    """Plot how the interval of a difference changes as seeds are added, one panel per difference.

    Args:
        differences: "first - second" -> number of seeds -> the NLL difference over these seeds.
        smallest: the smallest difference that matters, in nats.
    """
    figure, panels = new_panels(len(differences), 3.4, 3.4, sharey=True)
    notes = []
    for axis, (title, by_number) in zip(panels, differences.items(), strict=True):
        axis.axhspan(-smallest, smallest, color=GREY, alpha=0.15, linewidth=0)
        axis.axhline(0, color=ink(), linestyle="--", linewidth=1)
        for number, paired in by_number.items():
            axis.plot([number, number], [paired.low, paired.high], color=ink(), linewidth=2)
            face = ink() if paired.excludes_zero else axis.get_facecolor()
            mark = {"color": ink(), "markerfacecolor": face, "markersize": 8}
            axis.plot(number, paired.value, "o", **mark)
        axis.set(xlabel="seeds", xticks=list(by_number), xlim=(2.5, max(by_number) + 0.5))
        axis.set_title(title, fontsize=11)
        spans = (
            f"{d.value:+.3f} [{d.low:+.3f}, {d.high:+.3f}] with {n}" for n, d in by_number.items()
        )
        notes.append(f"{' '.join(title.split())}: {', '.join(spans)}")
    panels[0].set_ylabel("difference in scaled NLL, nats")
    figure.set_label(
        "Differences in temperature-scaled NLL, 95 % intervals, by number of seeds; the band is "
        f"±{smallest:g} nats. {'; '.join(notes)}."
    )
    return figure
