"""A number for each seed of each method."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, directions, ink, looks, themed


@themed
def by_seed(
    values: Mapping[str, Sequence[float] | NDArray[np.float64]],
    ylabel: str,
    title: str,
    digits: int = 0,
    sides: tuple[str, str] | None = None,
) -> Figure:
    """Plot a number for each seed of each method, joined for each seed, and print the median below.

    Args:
        values: method -> its numbers, one a seed.
        digits: number of decimal places of the medians.
        sides: what a number above zero means, and one below.
    """
    figure, (axis,) = new_panels(1, 6.6, 3.4, title)
    medians = {}
    table = np.array([*values.values()])
    aside = np.linspace(-0.1, 0.1, table.shape[1])
    across = np.arange(len(table))[:, None] + aside
    axis.plot(across, table, color=GREY, linewidth=0.6)
    for place, (name, (colour, _, _)) in enumerate(looks(values).items()):
        numbers = table[place]
        axis.plot(place + aside, numbers, "o", color=colour, alpha=0.7)
        median = float(np.median(numbers))
        axis.hlines(median, place - 0.2, place + 0.2, color=colour, linewidth=3)
        medians[name] = f"{median:z.{digits}f}".replace("-", "−")
    low, high = axis.get_ylim()
    if low < 0:
        axis.axhline(0, color=ink(), linewidth=1)
    else:
        axis.set_ylim(bottom=0)
    if sides:
        colours = directions(text=True) if sides[0] == "overconfident" else (ink(), ink())
        places = zip(sides, (high, low), ("top", "bottom"), colours, strict=True)
        for side, y, align, shade in places:
            axis.text(1.02, y, side, va=align, color=shade, transform=axis.get_yaxis_transform())
    axis.set(xlim=(-0.4, len(values) - 0.4), ylabel=ylabel)
    below = [f"{name}\nmedian {shown}" for name, shown in medians.items()]
    axis.set_xticks(
        range(len(values)), [x.replace(", ", ",\n").replace(" (", "\n(") for x in below]
    )
    figure.set_label(
        f"{title}: {ylabel}, a dot per seed; those of a seed are joined. "
        f"Medians: {', '.join(map(' '.join, medians.items()))}."
    )
    return figure
