"""Verdicts of the trial, by regime."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from aslp_lib.course.figures.forest import BESIDE, forest_row
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.second_trial import MARGIN, Judged, interval_text
from aslp_lib.evaluation.figures.style import GREY, ink, themed


@themed
def by_regime(groups: Mapping[str, Mapping[str, Judged]], title: str) -> Figure:
    """Draw differences in NLL as a forest plot, in groups.

    Resolved differences have a filled mark. The shaded band contains the differences that are too
    small to matter.

    Args:
        groups: heading of a group, which names the two methods -> regime -> its verdict.
        title: title of the figure.
    """
    rows = sum(len(group) + 1.6 for group in groups.values())
    figure, (axis,) = new_panels(1, 7.2, 0.24 * rows + 1, title)
    axis.axvspan(-MARGIN, MARGIN, color=GREY, alpha=0.2, linewidth=0, zorder=0)
    axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
    y, ticks, notes = 0.0, [], []
    for heading, group in groups.items():
        paper = {"facecolor": axis.get_facecolor(), "edgecolor": "none", "pad": 2}
        axis.annotate(heading, (0, y), (6, 0), weight="bold", bbox=paper, **BESIDE)
        for name, judged in group.items():
            y += 1
            forest_row(axis, y, judged.effect[:3], judged.word)
            ticks.append((y, name))
            effect = interval_text(judged.effect, "nll").replace("-", "−")
            notes.append(f"{heading}, {name}: {effect}, {judged.word}".removesuffix(", "))
        y += 1.6
    places, names = zip(*ticks, strict=True)
    axis.set(
        yticks=places, yticklabels=names, ylim=(y - 0.6, -0.8),
        xlabel="difference in NLL after (d, T), nats per pixel\n"
        "← first method better | second method better →",
    )  # fmt: skip
    figure.set_label(
        "Differences in NLL after (d, T), first minus second method, with intervals and verdicts; "
        f"the shaded band is ±{MARGIN:g} nats. {'. '.join(notes)}."
    )
    return figure
