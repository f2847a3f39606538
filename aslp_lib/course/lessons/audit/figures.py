"""Figures of the trial: its verdict, and memorised labels."""

from collections.abc import Mapping

import numpy as np
import pandas
from matplotlib.figure import Figure

from aslp_lib.course.figures import curves
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.audit.words import NAMES, QUESTIONS, complete_memorisation
from aslp_lib.course.trial import (
    MARGIN,
    MECHANISM_ARMS,
    MECHANISM_SEEDS,
    SIMULTANEOUS,
    Effect,
    excess,
    interval_text,
    memorisation_verdict,
    text,
    verdicts,
)
from aslp_lib.evaluation.figures.style import GREY, ink, themed


@themed
def verdict(families: Mapping[str, Mapping[str, Effect | None]]) -> Figure:
    """Draw the primary family as a forest plot, each comparison below its question.

    There is one panel per data set. Verdicts and mean differences stand beside it. Resolved
    differences have a filled mark. The shaded band contains the differences that are too small to
    matter.

    Args:
        families: name of the data set -> its primary family with simultaneous intervals, see
            `audit.primary`.
    """
    figure, axes = new_panels(
        len(families), 5.6, 7.4, "What does each part contribute?", sharex=True, sharey=True
    )
    beside = {"textcoords": "offset points", "va": "center", "fontsize": 9}
    place = ("axes fraction", "data")
    notes = []
    for axis, (name, family) in zip(axes, families.items(), strict=True):
        axis.axvspan(-MARGIN, MARGIN, color=GREY, alpha=0.2, linewidth=0, zorder=0)
        axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
        cells = []
        for row, (label, word) in enumerate(verdicts(family).items()):
            change = family[label]
            number = f"\n{text(change.mean, 'nll', '+')}" if change else ""
            axis.annotate(word + number, (1, row), (6, 0), xycoords=place, **beside)
            if change is None:
                cells.append(f"{label} {word}")
                continue
            axis.errorbar(
                change.mean, row, xerr=[[change.mean - change.low], [change.high - change.mean]],
                fmt="D", color=ink(), capsize=3,
                markerfacecolor=ink() if word in ("better", "worse") else "none",
            )  # fmt: skip
            cells.append(f"{label} {interval_text(change, 'nll')}, {word}")
        axis.set_title(f"{name}, {max(c.seeds for c in family.values() if c)} seeds")
        axis.set_xlabel(
            "difference in temperature-scaled NLL, nats per pixel\n"
            "← first method better | second method better →"
        )
        notes.append(f"{name}: {'; '.join(cells)}")
    names = [label.replace(" against ", "\nagainst ") for label in family]
    axes[0].set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.6, -0.8))
    questions = [*QUESTIONS.values()]
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


def training_set_size(effects: Mapping[str, Mapping[int, Effect]]) -> Figure:
    """Plot differences over the number of training images, with 95 % intervals.

    Args:
        effects: comparison -> number of images -> its effect, see `audit.sizes`.
    """
    bands = {name: np.transpose([e[:3] for e in by.values()]) for name, by in effects.items()}
    sizes = [*next(iter(effects.values()))]
    return curves(
        sizes, {"difference in scaled NLL, nats": bands}, "training images",
        "Sampling, and its mean target", across={"+0.01": MARGIN, "−0.01": -MARGIN},
        xscale="log", xticks=sizes,
    )  # fmt: skip


@themed
def memorised_labels(frame: pandas.DataFrame) -> Figure:
    """Plot over epochs how far each arm exceeds what its targets ask for, with 95 % intervals.

    A mark stands where memorising every target would end.

    Args:
        frame: the records of the mechanism, see `aslp_lib.course.trial.excess`.
    """
    epochs = sorted(set(frame.epoch))
    by_epoch = [excess(frame, epoch) for epoch in epochs]
    bands = {NAMES[arm]: np.transpose([e[arm] for e in by_epoch]) for arm in MECHANISM_ARMS}
    shifts = {"L": 1.5, "C": -1.5}  # their ends are the same
    ends = {
        NAMES[arm]: (epochs[-1] + 7 + shifts.get(arm, 0), end)
        for arm, end in complete_memorisation().items()
    }
    ylabel = "excess: probability of an unlikely label\nabove that of its targets"
    bar = {"half of BCE's last mean (the plan's bar)": by_epoch[-1]["B"][0] / 2}
    figure = curves(
        epochs, {ylabel: bands}, "epoch", "Memorised labels",
        points=ends, across=bar, digits=".2f", ylim=(0, 0.97),
    )  # fmt: skip
    figure.axes[0].annotate(
        "all targets\nmemorised", ends["BCE"], (0, 9), textcoords="offset points",
        ha="center", fontsize=9,
    )  # fmt: skip
    figure.set_label(
        f"{figure.get_label()} Curves are means over {len(MECHANISM_SEEDS)} seeds with 95 % "
        "intervals, marks where memorising every target would end. The claim that a label that "
        f"changes is memorised much less is {memorisation_verdict(frame)}."
    )
    return figure
