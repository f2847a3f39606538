"""Figure of temperature scaling: what it leaves to kinds of pixels."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import GREY, directions, ink, legend_below, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


@themed
def gaps(groups: Sequence[Mapping[str, tuple[Counts, Counts]]], title: str) -> Figure:
    """Draw confidence minus accuracy of kinds of pixels, before and after recalibration.

    Marks have the colour of the direction of their error.

    Args:
        groups: label -> counts before and after, in groups that are drawn apart.
    """
    height = 0.3 * sum(len(kinds) + 1 for kinds in groups)
    figure, (axis,) = new_panels(1, 6.6, 1 + height)
    axis.axvline(0, color=ink(), linewidth=1)
    notes: list[str] = []
    rows: dict[str, float] = {}
    for group, kinds in enumerate(groups):
        for label, pair in kinds.items():
            rows[label] = row = len(rows) + 0.7 * group
            before, after = (100 * calibration.gap(counts) for counts in pair)
            axis.plot([before, after], [row, row], color=GREY, linewidth=1.5, zorder=1)
            for gap, mark in ((before, "o"), (after, "s")):
                colour = directions()[0 if gap > 0 else 1]
                axis.plot(gap, row, mark, color=colour, markeredgecolor=ink(), ms=7)
            notes.append(f"{label} {before:+z.0f} → {after:+z.0f}")
    for mark, label in (("o", "as trained"), ("s", "temperature-scaled")):
        axis.plot([], [], mark, color="none", markeredgecolor=ink(), ms=7, label=label)
    xlabel = "underconfident  ←  confidence minus accuracy, points  →  overconfident"
    axis.set(
        title=title, xlabel=xlabel,
        ylim=(max(rows.values()) + 0.5, -0.5), yticks=[*rows.values()], yticklabels=rows,
    )  # fmt: skip
    legend_below(figure, axis)
    figure.set_label(
        f"{title}: confidence minus accuracy in points, before → after. {'; '.join(notes)}."
    )
    return figure
