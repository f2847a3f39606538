"""Figures of the synthetic cells, of a run, and of differences and bills over a few seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels, picture_grid
from aslp_lib.course.lessons.own_data.microscopy import Cells
from aslp_lib.evaluation.figures.style import GREY, directions, ink, legend_below, themed
from aslp_lib.experiments.seed_statistics import Difference

UNLABELLED_SHADE = "#C3B1E1"


@themed
def cells(data: Cells, indices: Sequence[int]) -> Figure:
    """Show images, masks and true posteriors, one column per image.

    Args:
        indices: indices of the images.
    """
    rows = {"image": 0.2 * data.images + 0.4, "mask": data.masks, "true P(y=1), π": data.posterior}
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
        "field of view have no label (violet)."
    )
    return figure


@themed
def more_seeds(differences: Mapping[str, Mapping[int, Difference]], smallest: float) -> Figure:
    """Plot how the interval of a difference changes as seeds are added, one panel per difference.

    Small dots are the differences of the seeds.

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
            beside = np.full(len(paired.values), number + 0.2)
            axis.plot(beside, paired.values, "o", color=GREY, markersize=4)
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


@themed
def scaled_nll_by_epoch(log: Sequence[Mapping[str, float]]) -> Figure:
    """Plot the temperature-scaled validation NLL over the epochs of a run, and mark its minimum.

    Args:
        log: rows of the run, see `comparison.Training`.
    """
    figure, (axis,) = new_panels(1, 5.6, 3.0)
    nll = np.array([row["scaled_nll"] for row in log])
    best = int(nll.argmin())
    axis.plot(np.arange(len(nll)) + 1, nll, color=GREY, linewidth=2)
    axis.plot(best + 1, nll[best], "o", color=ink(), markersize=8)
    axis.annotate(f"epoch {best + 1}", (best + 1, nll[best]), (8, -4), textcoords="offset points")
    axis.set(xlabel="epoch", ylabel="scaled NLL, nats", ylim=(nll[best] - 0.02, nll[-1] + 0.1))
    axis.set_title("BCE, validation images", fontsize=11)
    figure.set_label(
        f"Temperature-scaled validation NLL over {len(nll)} epochs: {nll[best]:.2f} nats at the "
        f"minimum, which a dot marks, and {nll[-1]:.2f} at the end."
    )
    return figure


@themed
def bills_of_seeds(results: Mapping[str, pd.DataFrame], everything: float = 100) -> Figure:
    """Plot expected and paid bills per 100 pixels, a group of lines for each method.

    Args:
        results: method -> one row per seed, with "expected" and "paid" per pixel.
        everything: the bill of checking every pixel.
    """
    figure, (axis,) = new_panels(1, 8.0, 0.8 + 0.75 * len(results))
    over, under = directions()
    notes = []
    for place, (label, rows) in enumerate(results.items()):
        shifts = np.linspace(-0.3, 0.3, len(rows))
        bills = 100 * rows[["expected", "paid"]].to_numpy()
        for height, (expected, paid) in zip(place + shifts, bills, strict=True):
            colour = over if paid > expected else under
            axis.plot([expected, paid], [height, height], color=colour, linewidth=2)
            hollow = {"color": colour, "markerfacecolor": axis.get_facecolor()}
            axis.plot(expected, height, "o", **hollow)
            axis.plot(paid, height, "o", color=colour)
        pairs = ", ".join(f"{expected:.0f} and {paid:.0f}" for expected, paid in bills)
        notes.append(f"{label}: {pairs}")
    axis.axvline(everything, color=ink(), linestyle="--", linewidth=1)
    axis.annotate("check all", (everything, -0.4), (-4, 0), textcoords="offset points", ha="right")
    for name, colour in {"paid more than expected": over, "paid less": under}.items():
        axis.plot([], [], color=colour, linewidth=2, label=name)
    for name, face in {"expected": axis.get_facecolor(), "paid": GREY}.items():
        axis.plot([], [], "o", color=GREY, markerfacecolor=face, label=name)
    axis.set(xlabel="bill per 100 pixels", xlim=(20, everything + 4))
    axis.set(yticks=range(len(results)), yticklabels=list(results), ylim=(len(results) - 0.5, -0.6))
    legend_below(figure, axis)
    figure.set_label(f"Expected and paid bills of each seed. {'; '.join(notes)}.")
    return figure
