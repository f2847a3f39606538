"""Figures of the trial: its verdict, and training-set sizes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures import curves
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.audit.words import QUESTIONS, in_words
from aslp_lib.course.trial import (
    MARGIN,
    SIMULTANEOUS,
    Effect,
    interval_text,
    text,
    verdicts,
)
from aslp_lib.evaluation.figures.style import GREY, ink, themed


@themed
def verdict(families: Mapping[str, Mapping[str, Effect | None]]) -> Figure:
    """Draw the primary family as a forest plot, each comparison below its question.

    There is one panel per data set. Verdicts and mean differences stand beside it. Resolved
    differences have a filled mark. The shaded band contains the differences that are too small to
    matter. Comparisons that were not tested are left out.

    Args:
        families: name of the data set -> its primary family with simultaneous intervals, see
            `audit.primary`.
    """
    tested = next(iter(families.values()))
    shown = {in_words(k): q for k, q in QUESTIONS.items() if tested[in_words(k)]}
    figure, axes = new_panels(
        len(families), 5.6, 6.8, "What does each part contribute?", sharex=True, sharey=True
    )
    beside = {"textcoords": "offset points", "va": "center", "fontsize": 9}
    place = ("axes fraction", "data")
    notes = []
    for axis, (name, family) in zip(axes, families.items(), strict=True):
        axis.axvspan(-MARGIN, MARGIN, color=GREY, alpha=0.2, linewidth=0, zorder=0)
        axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
        words, cells = verdicts(family), []
        for row, label in enumerate(shown):
            change, word = family[label], words[label]
            assert change is not None
            number = text(change.mean, "nll", "+").replace("-", "−")
            axis.annotate(f"{word}\n{number}", (1, row), (6, 0), xycoords=place, **beside)
            axis.errorbar(
                change.mean, row, xerr=[[change.mean - change.low], [change.high - change.mean]],
                fmt="D", color=ink(), capsize=3,
                markerfacecolor=ink() if word in ("better", "worse") else "none",
            )  # fmt: skip
            cells.append(f"{label} {interval_text(change, 'nll')}, {word}".replace("-", "−"))
        axis.set_title(f"{name}, {max(c.seeds for c in family.values() if c)} seeds")
        axis.set_xlabel(
            "difference in temperature-scaled NLL, nats per pixel\n"
            "← first method better | second method better →"
        )
        notes.append(f"{name}: {'; '.join(cells)}")
    names = [label.replace(" against ", "\nagainst ") for label in shown]
    axes[0].set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.6, -0.8))
    questions = [*shown.values()]
    for row, question in enumerate(questions):
        if row == questions.index(question):
            axes[0].annotate(
                question, (0, row), (-9, 23), xycoords=place, ha="right", weight="bold", **beside
            )
    figure.set_label(
        "Differences in temperature-scaled NLL of the primary contrasts, first minus second "
        f"method, with simultaneous {100 * SIMULTANEOUS:.5g} % intervals and verdicts; the shaded "
        f"band is ±{MARGIN:g} nats. {'. '.join(notes)}."
    )
    return figure


def training_set_size(effects: Mapping[int, Effect]) -> Figure:
    """Plot a difference over the number of training images, with 95 % intervals."""
    band = np.transpose([effect[:3] for effect in effects.values()])
    return curves(
        [*effects], {"difference in scaled NLL, nats": {"constant alpha − label smoothing": band}},
        "training images", "More images", across={"no difference": 0},
        xscale="log", xticks=[*effects],
    )  # fmt: skip
