"""Figure of temperature scaling: what it leaves to kinds of pixels."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import BLUE, GREY, ORANGE, ink, legend_below, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


@themed
def gaps(kinds: Mapping[str, tuple[Counts, Counts]], title: str) -> Figure:
    """Draw confidence minus accuracy of kinds of pixels, before and after recalibration.

    Args:
        kinds: label -> counts before and after.
    """
    figure, (axis,) = new_panels(1, 6.6, 1.3 + 0.3 * len(kinds))
    axis.axvline(0, color=ink(), linewidth=1)
    notes = []
    for row, (label, pair) in enumerate(kinds.items()):
        before, after = (100 * calibration.gap(counts) for counts in pair)
        axis.plot([before, after], [row, row], color=GREY, linewidth=1.5, zorder=1)
        named = ("as trained", "temperature-scaled") if row == 0 else (None, None)
        axis.plot(before, row, "o", color=ORANGE, markeredgecolor="black", ms=7, label=named[0])
        axis.plot(after, row, "s", color=BLUE, markeredgecolor="black", ms=7, label=named[1])
        notes.append(f"{label} {before:+z.0f} → {after:+z.0f}")
    axis.set(
        title=title, xlabel="confidence minus accuracy, points", ylim=(len(kinds) - 0.5, -0.5),
        yticks=range(len(kinds)), yticklabels=kinds,
    )  # fmt: skip
    legend_below(figure, axis)
    figure.set_label(
        f"{title}: confidence minus accuracy in points, before → after. {'; '.join(notes)}."
    )
    return figure
