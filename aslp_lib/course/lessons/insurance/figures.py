"""Figures of the insurance: where it helps, and what it costs."""

import pandas
from matplotlib.figure import Figure

from aslp_lib.course.figures.forest import forest_row
from aslp_lib.evaluation.figures.style import OF_METHODS, directions, ink, new_figure, themed


@themed
def where_it_helps(points: pandas.DataFrame) -> Figure:
    """Draw what ASLP changes on each shifted set, beside the overconfidence of BCE there.

    Sets are in the order of this overconfidence. Resolved differences have a filled mark.

    Args:
        points: a row per set, see `on_shifted_sets`.
    """
    points = points.sort_values("gap")
    figure = new_figure(9, 0.3 * len(points) + 1.5, "Where does ASLP help, as trained?")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 2.4))
    left.barh(range(len(points)), points.gap, 0.6, color=directions()[0])
    right.axvline(0, color=ink(), linestyle="--", linewidth=1)
    names, notes = [], []
    for y, (regime, name, gap, *effect, word) in enumerate(points.itertuples(index=False)):
        forest_row(right, y, effect, word)
        left.annotate(f"{gap:.1f}", (gap, y), (4, 0), textcoords="offset points", va="center")
        names.append(f"{regime}: {name.replace('_', ' ')}")
        overconfidence = f"overconfidence {gap:.1f} points"
        notes.append(f"{names[-1]}, {overconfidence}, {effect[0]:+.0f} %, {word}")
    left.margins(x=0.2)
    left.set(
        yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5),
        xlabel="overconfidence\nof BCE, points",
    )  # fmt: skip
    right.tick_params(axis="y", length=0)
    right.set_xlabel("difference in NLL, % of the NLL of BCE\n← ASLP better | BCE better →")
    figure.set_label(
        "NLL of ASLP minus that of BCE as trained, in % of BCE's, on shifted sets, in the order of "
        f"BCE's overconfidence. {'. '.join(notes).replace('-', '−')}."
    )
    return figure


@themed
def insurance_curve(points: pandas.DataFrame) -> Figure:
    """Plot what lower confidence costs on familiar images, and what it pays on others.

    There is a row of panels for each regime, and a panel for each of its shifted sets: the NLL
    there over that of the test set, for BCE at rising temperatures and for constant alphas as
    trained. Both are changes in %, from BCE at the temperature of its lowest test NLL, where its
    curve starts. The method whose curve lies lower is the cheaper insurance. Thin lines are seeds.

    Args:
        points: records of the curve, with columns regime, seed, arm, alpha, T, set and nll.
    """
    seeds = points.pivot_table("nll", ["regime", "set", "arm", "alpha", "T"], "seed")
    nll = seeds.mean(axis=1)
    shifted = points[points["set"] != "test"].groupby("regime", sort=False)["set"].unique()
    columns = max(map(len, shifted))
    title = "What does an insurance cost?"
    figure = new_figure(3.5 * columns + 0.6, 3.4 * len(shifted) + 0.4, title)
    grid = figure.subplots(len(shifted), columns, squeeze=False, sharey="row")
    notes = []
    for axes, (regime, names) in zip(grid, shifted.items(), strict=True):
        for axis, name in zip(axes, names, strict=False):
            spans, fitted = [], nll[regime, "test", "B"].argmin()
            for arm, label, symbol in (("B", "BCE", "T"), ("C", "constant alpha", "alpha")):
                start = fitted if arm == "B" else 0
                color, line = OF_METHODS[label], "--" if arm == "B" else "-"
                cost, risk = (
                    100 * (of_set[arm].iloc[start:] / of_set["B"].iloc[fitted] - 1)
                    for of_set in (nll[regime, "test"], nll[regime, name])
                )
                of_seeds = (  # each seed's change from its own BCE
                    100 * (of_set.loc[arm].iloc[start:] / of_set.loc["B"].iloc[fitted] - 1)
                    for of_set in (seeds.loc[regime, "test"], seeds.loc[regime, name])
                )
                axis.plot(*of_seeds, line, color=color, linewidth=0.8, alpha=0.5)
                values = cost.index.get_level_values(symbol)
                spans.append(f"{symbol} from {values[0]:g} to {values[-1]:g}")
                axis.plot(cost, risk, line, color=color, label=f"{label}, rising {symbol}")
                axis.plot(cost.iloc[0], risk.iloc[0], "o", color=color)
                ends = " → ".join(f"{cost.iloc[k]:z.0f}, {risk.iloc[k]:z.0f}" for k in (0, -1))
                notes.append(f"{regime}, {name}: {label}, {spans[-1]}: {ends}")
            axis.set_xlabel("change in NLL\non the test set, %")
            axis.set_title(f"{regime}: {name.replace('_', ' ')}\n{', '.join(spans)}")
        axes[0].set_ylabel("change in NLL\non the shifted set, %")
        for axis in axes[len(names) :]:
            axis.set_axis_off()
    handles = grid[0, 0].get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    figure.set_label(
        "Change in NLL on a shifted set over that on the test set, both in %, from BCE at the T of "
        "the lowest test NLL; means over seeds, and a thin line for each seed. "
        f"{'. '.join(notes).replace('-', '−')}."
    )
    return figure
