"""Figures of the trials: verdicts, the cost of an insurance, and training-set sizes."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
import pandas
from matplotlib.figure import Figure

from aslp_lib.course.figures import curves
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.audit.words import QUESTIONS, in_words
from aslp_lib.course.second_trial import Judged
from aslp_lib.course.trial import (
    MARGIN,
    SIMULTANEOUS,
    Effect,
    interval_text,
    text,
    verdicts,
)
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, themed


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


@themed
def by_regime(families: Mapping[str, Sequence[Judged]]) -> Figure:
    """Draw the primary families of the second trial as a forest plot, a group for each question.

    Resolved differences have a filled mark. The shaded band contains the differences that are too
    small to matter.

    Args:
        families: name of the regime -> its primary family, see `second_trial.primary`.
    """
    rows = [(judged, name) for name, family in families.items() for judged in family]
    order = list(dict.fromkeys(judged.contrast for judged, _ in rows))
    rows.sort(key=lambda row: order.index(row[0].contrast))
    height = 0.24 * (len(rows) + 1.6 * len(order)) + 1
    figure, (axis,) = new_panels(1, 7.2, height, "What does perturbation add, and where?")
    axis.axvspan(-MARGIN, MARGIN, color=GREY, alpha=0.2, linewidth=0, zorder=0)
    axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
    beside = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
    y, ticks, notes = 0.0, [], []
    for contrast, group in groupby(rows, key=lambda row: row[0].contrast):
        axis.annotate(contrast.question, (0, y), (6, 0), weight="bold", **beside)
        for judged, name in group:
            y += 1
            mean, low, high = judged.effect[:3]
            axis.errorbar(
                mean, y, xerr=[[mean - low], [high - mean]], fmt="D", color=ink(), capsize=3, ms=5,
                markerfacecolor=ink() if judged.word in ("better", "worse") else "none",
            )  # fmt: skip
            axis.annotate(judged.word, (1, y), (6, 0), **beside)
            ticks.append((y, name))
            words = f"{name}: {in_words(contrast.label)} {interval_text(judged.effect, 'nll')}"
            notes.append(f"{words}, {judged.word}".replace("-", "−"))
        y += 1.6
    places, names = zip(*ticks, strict=True)
    axis.set(
        yticks=places, yticklabels=names, ylim=(y - 0.6, -0.8),
        xlabel="difference in NLL after (d, T), nats per pixel\n"
        "← first method better | second method better →",
    )  # fmt: skip
    figure.set_label(
        "Differences in NLL after (d, T) of the primary contrasts, first minus second method, with "
        f"simultaneous intervals and verdicts; the shaded band is ±{MARGIN:g} nats. "
        f"{'. '.join(notes)}."
    )
    return figure


@themed
def insurance_curve(points: pandas.DataFrame) -> Figure:
    """Plot what lower confidence costs on familiar images, and what it pays on others.

    There is a panel for each shifted set of each regime: the NLL there over that of the test set,
    for BCE at rising temperatures and for constant alphas as trained. The method whose curve lies
    lower is the cheaper insurance.

    Args:
        points: records of the curve, with columns regime, seed, arm, alpha, T, set and nll.
    """
    nll = points.groupby(["regime", "set", "arm", "alpha", "T"]).nll.mean()
    sets = points.loc[points["set"] != "test", ["regime", "set"]].drop_duplicates()
    places = [*sets.itertuples(index=False, name=None)]
    figure, axes = new_panels(len(places), 3.4, 3.6, "What does an insurance cost?")
    notes = []
    for axis, (regime, name) in zip(axes, places, strict=True):
        for arm, label, symbol in (("B", "BCE, T =", "T"), ("C", "constant alpha", "alpha")):
            cost, risk = (nll[regime, where, arm] for where in ("test", name))
            values = cost.index.get_level_values(symbol)
            axis.plot(
                cost, risk, "o-" if arm == "C" else "--", color=OF_METHODS[label.split(",")[0]]
            )
            for k in (0, -1):
                end = (cost.iloc[k], risk.iloc[k])
                axis.annotate(f"{label} {values[k]:g}", end, (4, 4), textcoords="offset points")
            ends = " → ".join(f"{cost.iloc[k]:.3f}, {risk.iloc[k]:.3f}" for k in (0, -1))
            notes.append(f"{regime}, {name}: {label} {values[0]:g} to {values[-1]:g}: {ends}")
        axis.set(title=f"{regime}, {name}", xlabel="NLL on the test set", ylabel=f"NLL on {name}")
    figure.set_label(
        f"NLL on a shifted set over the NLL on the test set, means over seeds. {'. '.join(notes)}."
    )
    return figure
