"""Figures of the trial: verdicts by regime, and the cost of an insurance."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import pandas
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.audit.words import in_words
from aslp_lib.course.second_trial import MARGIN, Judged, interval_text
from aslp_lib.evaluation.figures.style import GREY, MARKS, OF_METHODS, ink, new_figure, themed


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
        question = f"{contrast.label.replace('-', '−')}: {contrast.question}"
        axis.annotate(question, (0, y), (6, 0), weight="bold", **beside)
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
def where_it_helps(points: pandas.DataFrame) -> Figure:
    """Plot what ASLP changes on each shifted set, over the overconfidence of BCE there.

    Resolved differences have a filled mark.

    Args:
        points: a row per set, see `on_shifted_sets`.
    """
    figure, (axis,) = new_panels(1, 7.2, 4.4, "Where does ASLP help, as trained?")
    axis.axhline(0, color=ink(), linestyle="--", linewidth=1)
    notes = []
    marks = dict(zip(points.regime.unique(), MARKS, strict=False))
    for regime, name, gap, change, word in points.itertuples(index=False):
        filled = ink() if word in ("better", "worse") else "none"
        axis.plot(gap, change, marks[regime], color=ink(), markerfacecolor=filled, ms=7)
        label = f"{regime}: {name.replace('_', ' ')}"
        aside = (0, 13, "center") if gap < 4 else (-8, 0, "right")  # labels do not overlap
        *offset, align = aside if regime.startswith("nuclei") else (8, 0, "left")
        axis.annotate(
            label, (gap, change), offset, textcoords="offset points", ha=align, va="center"
        )
        notes.append(f"{label} {gap:.0f} points, {change:+.0f} %, {word}".replace("-", "−"))
    axis.set(
        xscale="log", xticks=(2, 5, 10, 20, 40), xlim=(1.3, 50), ylim=(-65, 65),
        xlabel="overconfidence of BCE, points",
        ylabel="NLL, ASLP minus BCE, % of BCE's\n← ASLP better | BCE better →",
    )  # fmt: skip
    axis.xaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    figure.set_label(
        "NLL of ASLP minus that of BCE as trained, in % of BCE's, over the overconfidence of BCE, "
        f"on shifted sets. {'. '.join(notes)}."
    )
    return figure


@themed
def insurance_curve(points: pandas.DataFrame) -> Figure:
    """Plot what lower confidence costs on familiar images, and what it pays on others.

    There is a row of panels for each regime, and a panel for each of its shifted sets: the NLL
    there over that of the test set, for BCE at rising temperatures and for constant alphas as
    trained. The method whose curve lies lower is the cheaper insurance.

    Args:
        points: records of the curve, with columns regime, seed, arm, alpha, T, set and nll.
    """
    nll = points.groupby(["regime", "set", "arm", "alpha", "T"]).nll.mean()
    shifted = points[points["set"] != "test"].groupby("regime", sort=False)["set"].unique()
    columns = max(map(len, shifted))
    title = "What does an insurance cost?"
    figure = new_figure(3.8 * columns + 0.4, 3.4 * len(shifted), title)
    grid = figure.subplots(len(shifted), columns, squeeze=False)
    notes = []
    for axes, (regime, names) in zip(grid, shifted.items(), strict=True):
        for axis, name in zip(axes, names, strict=False):
            for arm, label, symbol in (("B", "BCE", "T"), ("C", "constant alpha", "alpha")):
                cost, risk = (nll[regime, where, arm] for where in ("test", name))
                values = cost.index.get_level_values(symbol)
                line = "--" if arm == "B" else "-"
                axis.plot(cost, risk, line, color=OF_METHODS[label], label=label)
                for k, marker in ((0, "o"), (-1, "D")):
                    end = (cost.iloc[k], risk.iloc[k])
                    axis.plot(*end, marker, color=OF_METHODS[label], ms=5)
                    if arm == "C":
                        text, offset, align = f"α = {values[k]:g}", (7, -4), "left"
                    else:
                        text = f"T = {values[k]:g}"
                        offset, align = ((-7, -4), "right") if k == 0 else ((0, -16), "center")
                    axis.annotate(text, end, offset, textcoords="offset points", ha=align)
                ends = " → ".join(f"{cost.iloc[k]:.3f}, {risk.iloc[k]:.3f}" for k in (0, -1))
                notes.append(
                    f"{regime}, {name}: {label}, {symbol} {values[0]:g} to {values[-1]:g}: {ends}"
                )
            axis.margins(x=0.25, y=0.2)
            axis.set(
                xlabel="NLL on the test set, nats", ylabel=f"NLL on {name.replace('_', ' ')}, nats"
            )
            axis.set_title(regime)
        for axis in axes[len(names) :]:
            axis.set_axis_off()
    grid[0, 0].legend()
    figure.set_label(
        f"NLL on a shifted set over the NLL on the test set, means over seeds. {'. '.join(notes)}."
    )
    return figure
