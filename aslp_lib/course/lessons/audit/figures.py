"""Figures of the trial: verdicts by regime, and the cost of an insurance."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons.audit.words import in_words
from aslp_lib.course.second_trial import MARGIN, Judged, interval_text
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, new_figure, themed

BESIDE: Mapping[str, Any] = {
    "xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"
}  # fmt: skip


def _forest_row(axis: Axes, y: float, effect: Sequence[float], word: str) -> None:
    """Draw a difference with its interval, and write its verdict beside the axes."""
    mean, low, high = effect
    axis.errorbar(
        mean, y, xerr=[[mean - low], [high - mean]], fmt="D", color=ink(), capsize=3, ms=5,
        markerfacecolor=ink() if word in ("better", "worse") else "none",
    )  # fmt: skip
    axis.annotate(word, (1, y), (6, 0), **BESIDE)


@themed
def by_regime(families: Mapping[str, Sequence[Judged]]) -> Figure:
    """Draw the primary families of the second trial as a forest plot, a group for each contrast.

    Resolved differences have a filled mark. The shaded band contains the differences that are too
    small to matter.

    Args:
        families: name of the regime -> its primary family, see `second_trial.primary`.
    """
    rows = [(judged, name) for name, family in families.items() for judged in family]
    order = list(dict.fromkeys(judged.contrast for judged, _ in rows))
    rows.sort(key=lambda row: order.index(row[0].contrast))
    height = 0.24 * (len(rows) + 1.6 * len(order)) + 1
    figure, (axis,) = new_panels(1, 7.2, height, "What does sampling add, and where?")
    axis.axvspan(-MARGIN, MARGIN, color=GREY, alpha=0.2, linewidth=0, zorder=0)
    axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
    y, ticks, notes = 0.0, [], []
    for contrast, group in groupby(rows, key=lambda row: row[0].contrast):
        axis.annotate(in_words(contrast.label), (0, y), (6, 0), weight="bold", **BESIDE)
        for judged, name in group:
            y += 1
            _forest_row(axis, y, judged.effect[:3], judged.word)
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
    """Draw what ASLP changes on each shifted set, in the order of the overconfidence of BCE there.

    Resolved differences have a filled mark. Bars are simultaneous intervals of a regime.

    Args:
        points: a row per set, see `on_shifted_sets`.
    """
    points = points.sort_values("gap")
    height = 0.3 * len(points) + 1.5
    figure, (axis,) = new_panels(1, 7.2, height, "Where does ASLP help, as trained?")
    axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
    names, notes = [], []
    for y, (regime, name, gap, *effect, word) in enumerate(points.itertuples(index=False)):
        _forest_row(axis, y, effect, word)
        names.append(f"{regime}: {name.replace('_', ' ')}, {gap:.1f} points")
        notes.append(f"{names[-1]}, {effect[0]:+.0f} %, {word}".replace("-", "−"))
    axis.set(
        yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5),
        xlabel="difference in NLL, % of the NLL of BCE\n← ASLP better | BCE better →",
        ylabel="set, and overconfidence of BCE on it",
    )  # fmt: skip
    figure.set_label(
        "NLL of ASLP minus that of BCE as trained, in % of BCE's, on shifted sets, in the order of "
        f"BCE's overconfidence. {'. '.join(notes)}."
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
    figure = new_figure(3.8 * columns + 0.4, 3.4 * len(shifted) + 0.4, title)
    grid = figure.subplots(len(shifted), columns, squeeze=False)
    notes = []
    for axes, (regime, names) in zip(grid, shifted.items(), strict=True):
        for axis, name in zip(axes, names, strict=False):
            spans = []
            for arm, label, symbol in (("B", "BCE", "T"), ("C", "constant alpha", "alpha")):
                cost, risk = (nll[regime, where, arm] for where in ("test", name))
                values = cost.index.get_level_values(symbol)
                spans.append(f"{symbol} from {values[0]:g} to {values[-1]:g}")
                color = OF_METHODS[label]
                line = "--" if arm == "B" else "-"
                axis.plot(cost, risk, line, color=color, label=f"{label}, rising {symbol}")
                axis.plot(cost.iloc[0], risk.iloc[0], "o", color=color)
                if arm == "B":
                    k = cost.argmin()
                    text = "T of the lowest test NLL"
                    axis.plot(cost.iloc[k], risk.iloc[k], "s", color=color, label=text)
                ends = " → ".join(f"{cost.iloc[k]:.3f}, {risk.iloc[k]:.3f}" for k in (0, -1))
                notes.append(f"{regime}, {name}: {label}, {spans[-1]}: {ends}")
            axis.set(
                xlabel="NLL on the test set, nats", ylabel=f"NLL on {name.replace('_', ' ')}, nats"
            )
            axis.set_title(f"{regime}: {name.replace('_', ' ')}\n{', '.join(spans)}")
        for axis in axes[len(names) :]:
            axis.set_axis_off()
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.set_label(
        f"NLL on a shifted set over the NLL on the test set, means over seeds. {'. '.join(notes)}."
    )
    return figure
