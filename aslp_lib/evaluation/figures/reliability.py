"""Reliability diagrams, and the joint density of confidence and accuracy."""

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import directions, ink, new_figure, plain, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.calibration import BINS, Reliability
from aslp_lib.metrics.classes import AnyCounts

SQUARES = (25, 25)
"""Cells of the joint density: over confidence in [1/2, 1], and over accuracy in [0, 1]."""
DENSITY = ListedColormap(colormaps["Blues"](np.linspace(0.2, 1, 256)))
"""Colours of the joint density, without the lightest blues, which would look like empty cells."""
PANELS = 5
"""Largest number of diagrams of classes side by side."""
VISIBLE = 0.001
"""Least share of the pixels of a bin for which the axes make room."""


@themed
def reliability_diagrams(
    methods: Mapping[str, Reliability], title: str, axes_of: Iterable[Reliability] = ()
) -> Figure:
    r"""Draw both directions of the calibration error of every method, side by side.

    Above, the reliability diagram: a dot is the accuracy of a bin's pixels with its 95 % interval
    over images, and a bar leads to it from the diagonal at their mean confidence. The wider a bar
    and the larger a dot, the more pixels the bin has. Below, the same bins in order of confidence:
    a bar's width is the bin's share of the pixels and its height is confidence minus accuracy, so
    that the coloured area is the ECE. Overconfidence and underconfidence have a colour each.

    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> table = calibration.reliability(counts)  # 0.5 * |0.8 - 0.5| + 0.5 * |1 - 1|
    >>> reliability_diagrams({"BCE": table}, "test").axes[0].get_title()
    'BCE\nECE 15.0 % = 15.0 over + 0.0 under'

    Args:
        methods: label -> reliability table. The bins may have equal width or equal mass.
        title: name of the set.
        axes_of: further tables for which the axes make room, so that several figures can have the
            same axes.
    """
    count = len(methods)
    figure = new_figure(3.1 * count + 0.5, 5.4, title)
    top, bottom = figure.subplots(2, count, squeeze=False, sharey="row", height_ratios=(3, 2))
    notes = []
    tables = [*methods.values(), *axes_of]
    for axis, below, (label, table) in zip(top, bottom, methods.items(), strict=True):
        _draw_reliability(axis, table, lowest_confidence(tables))
        _draw_errors(below, table)
        axis.set_title(f"{plain(label)}\n{ece_in_parts(table)}")
        notes.append(f"{label}: {describe(table)}")
    lowest = min(np.nanmin(table.accuracy[table.share >= VISIBLE]) for table in tables)
    least = 50 if lowest >= 0.5 else 0
    highest = 100 + 0.12 * (100 - least)  # leaves room for a word above the bars
    top[0].set(ylabel="accuracy, %", ylim=(least, highest))
    largest = max(100 * np.abs(t.gap[t.share >= VISIBLE]).max() for t in tables)
    limit = 1.5 * max(largest, 1)  # leaves room for the words
    bottom[0].set(ylabel="confidence − accuracy,\npercentage points", ylim=(-limit, limit))
    (over, under), unit = directions(text=True), "axes fraction"
    top[0].annotate("underconfident", (0.03, 0.97), xycoords=unit, va="top", color=under)
    top[0].annotate("overconfident", (0.97, 0.03), xycoords=unit, ha="right", color=over)
    name_directions(bottom[0])
    figure.set_label(f"Reliability diagrams, {title}. {'; '.join(notes)}.")
    return figure


@themed
def class_diagrams(classes: Mapping[str, Reliability], title: str) -> Figure:
    """Draw the reliability diagram of each class against the rest, with a panel for each class.

    >>> import torch
    >>> from aslp_lib.metrics.classes import ClassCounts
    >>> probabilities = torch.tensor([[[0.7, 0.2], [0.2, 0.2], [0.1, 0.6]]])
    >>> counts = ClassCounts.from_probabilities(probabilities, torch.tensor([[0, 1]]))
    >>> tables = {name: calibration.reliability(counts, of=k) for k, name in enumerate("abc")}
    >>> class_diagrams(tables, "test").get_label().split("; ")[2]
    'b: ECE 30.0 % = 0.0 from overconfidence + 30.0 from underconfidence'

    Args:
        classes: name of a class -> reliability table of this class against the rest.
        title: name of the method.
    """
    columns = min(len(classes), PANELS)
    rows = -(-len(classes) // columns)
    figure = new_figure(2.3 * columns + 0.5, 2.5 * rows + 0.5, title)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axis, (label, table) in zip(axes.flat, classes.items(), strict=False):
        _draw_reliability(axis, table, lowest=0)
        error = 100 * (table.over + table.under)
        axis.set(title=f"{plain(label)}\nECE {error:.1f} %", xlabel="", ylim=(0, 100))
    for axis in axes.flat[len(classes) :]:
        axis.set_axis_off()
    figure.supxlabel("probability of the class, %", fontsize="medium")
    figure.supylabel("frequency, %", fontsize="medium")
    notes = (f"{label}: {describe(table)}" for label, table in classes.items())
    figure.set_label(f"Reliability diagrams of each class, {title}. {'; '.join(notes)}.")
    return figure


@themed
def joint_density(methods: Mapping[str, AnyCounts], title: str, bins: int = BINS) -> Figure:
    """Draw the joint density of confidence and accuracy, with a panel per method.

    Every bin of every image contributes its pixels at the bin's mean confidence and accuracy; the
    colour of a square is its share of all pixels. Squares without pixels are blank, unlike in the
    release, which smooths the pooled bins into a density that extends to empty regions. Circles
    are the bins pooled over all images; their size grows with their share of pixels.

    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> [axis.get_title() for axis in joint_density({"BCE": counts, "ASLP": counts}, "test").axes]
    ['BCE', 'ASLP']

    Args:
        methods: label -> counts of the same set.
        title: name of the set.
        bins: number of bins of equal width.
    """
    figure = new_figure(3.1 * len(methods) + 0.5, 3.6, "Confidence and accuracy", title)
    axes = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    tables = [calibration.reliability(counts, bins) for counts in methods.values()]
    lowest = lowest_confidence(tables)
    for axis, table, (label, counts) in zip(axes, tables, methods.items(), strict=True):
        pixels, *sums = (array.ravel() for array in calibration.image_bins(counts, bins))
        full = pixels > 0
        weights = pixels[full]
        confidence, accuracy = (100 * total[full] / weights for total in sums)
        shares, *edges = np.histogram2d(
            confidence, accuracy, SQUARES, ((lowest, 100), (0, 100)), weights=weights
        )
        shares = np.ma.masked_equal(shares.T / pixels.sum(), 0)
        axis.pcolormesh(*edges, shares, cmap=DENSITY, norm=LogNorm(1e-5, 0.3))
        full = table.pixels > 0
        axis.scatter(
            100 * table.confidence[full], 100 * table.accuracy[full],
            s=300 * table.share[full] + 6, color="black", edgecolor="white", linewidth=0.6,
            clip_on=False,
        )  # fmt: skip
        axis.plot([lowest, 100], [lowest, 100], "--", color=ink(), linewidth=1)
        axis.set(xlim=(lowest, 100), ylim=(0, 100), xlabel="confidence, %")
        axis.set_title(plain(label))
    axes[0].set_ylabel("accuracy, %")
    figure.set_label(
        f"Joint density of confidence and accuracy, {bins} bins of each image, {title}, for "
        f"{' and '.join(methods)}; the darker, the more pixels, blank where none are. Mass below "
        "the dashed diagonal is overconfident, mass above it underconfident."
    )
    return figure


def lowest_confidence(tables: Iterable[Reliability]) -> int:
    """Return where an axis of confidence begins, in percent: at 50, or at 0 if classes need it."""
    return 50 if min(np.nanmin(table.confidence) for table in tables) >= 0.5 else 0


def _draw_reliability(axis: Axes, table: Reliability, lowest: int = 50) -> None:
    """Draw the accuracy of each bin, and a bar to it from the diagonal at its mean confidence."""
    full = table.pixels > 0
    confidence, accuracy = 100 * table.confidence[full], 100 * table.accuracy[full]
    share = table.share[full]
    axis.plot([lowest, 100], [lowest, 100], "--", color=ink(), linewidth=1)
    # No wider than high, so that no bar reaches across the diagonal.
    half = np.minimum(0.4 + 4 * share, np.abs(confidence - accuracy))
    left, right = confidence - half, np.minimum(confidence + half, 100)
    bars = [
        [(x0, x0), (x1, x1), (x1, y), (x0, y)]
        for x0, x1, y in zip(left, right, accuracy, strict=True)
    ]
    axis.add_collection(PolyCollection(bars, facecolors=_colours(table)), autolim=False)
    area = 8 + 60 * share
    axis.scatter(confidence, accuracy, s=area, color=ink(), linewidth=0, zorder=3, clip_on=False)
    axis.set(xlim=(lowest, 100), xlabel="confidence, %")
    if table.low is not None and table.high is not None:
        ends = 100 * table.low[full], 100 * table.high[full]
        axis.vlines(confidence, *ends, color=ink(), linewidth=1)
        axis.set_xlabel("confidence, % (lines: 95 % intervals)")


def _draw_errors(axis: Axes, table: Reliability) -> None:
    """Draw confidence minus accuracy over the pixels, bin after bin in order of confidence."""
    full = table.pixels > 0
    gap, share = 100 * table.gap[full], 100 * table.share[full]
    left = np.cumsum(share) - share
    axis.bar(left, gap, share, align="edge", color=_colours(table), linewidth=0.5)
    if table.low is not None and table.high is not None:
        ends = (100 * (table.confidence - end)[full] for end in (table.high, table.low))
        axis.vlines(left + share / 2, *ends, color=ink(), linewidth=1)
    axis.axhline(0, color=ink(), linewidth=1)
    axis.set(xlim=(0, 100), xlabel="pixels in order of confidence, %\n(coloured area: ECE)")
    # The bin that contributes most is named above the axes, where no bar can overlap with it.
    worst = int(np.argmax(np.abs(gap) * share))
    low, high = (100 * edges[full][worst] for edges in (table.edges[:-1], table.edges[1:]))
    span = f"{low:.0f}{f'-{high:.0f}' if high - low >= 1 else ''}"
    axis.set_title(f"main error at {span} % confidence")


def _colours(table: Reliability) -> list[str]:
    """Return the colour of each bin with pixels, by the direction of its error."""
    over, under = directions()
    return [over if gap > 0 else under for gap in table.gap[table.pixels > 0]]


def name_directions(axis: Axes) -> None:
    """Write "overconfident" and "underconfident" at the ends of an axis of signed errors."""
    words = ("overconfident", 0.98, "top"), ("underconfident", 0.02, "bottom")
    for (word, y, side), colour in zip(words, directions(text=True), strict=True):
        axis.annotate(word, (0.02, y), xycoords="axes fraction", va=side, color=colour)


def ece_in_parts(table: Reliability) -> str:
    """Write the ECE as the sum of its over- and underconfident parts."""
    over, under = 100 * table.over, 100 * table.under
    return f"ECE {over + under:.1f} % = {over:.1f} over + {under:.1f} under"


def describe(table: Reliability) -> str:
    """Describe both directions of the calibration error, and the bin that contributes most.

    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> describe(calibration.reliability(counts)).split(";")[0]
    'ECE 15.0 % = 15.0 from overconfidence + 0.0 from underconfidence'
    """
    worst = int(np.argmax(np.abs(table.gap) * table.share))
    low, high = 100 * table.edges[worst : worst + 2]
    direction = "over" if table.gap[worst] > 0 else "under"
    over, under = 100 * table.over, 100 * table.under
    return (
        f"ECE {over + under:.1f} % = {over:.1f} from overconfidence + {under:.1f} from "
        f"underconfidence; largest contribution from {100 * table.share[worst]:.0f} % of the "
        f"pixels, of {low:.0f} to {high:.0f} % confidence, {direction}confident by "
        f"{abs(100 * table.gap[worst]):.1f} points"
    )
