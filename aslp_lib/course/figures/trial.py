"""Figures of the trial: the primary contrasts, memorisation, and the number of training images."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import (
    GREY,
    draw_legend,
    ink,
    legend_below,
    looks,
    new_figure,
    plain,
    themed,
)

# `course.trial` imports pandas, which the other figures do not need.
if TYPE_CHECKING:
    import pandas

    from aslp_lib.course.trial import Effect

BETTER = "← first method better | second method better →"
ARMS = {
    "B": "BCE",
    "L": "expected targets (L)",
    "C": "switch sampled in each epoch (C)",
    "F": "switch sampled once, frozen (F)",
}


@themed
def primary_contrasts(families: Mapping[str, Mapping[str, Effect | None]]) -> Figure:
    """Draw the primary contrasts as a forest plot, with one panel per data set and the verdicts.

    Verdicts and mean differences stand beside each panel. Resolved differences have a filled mark.
    The shaded band contains the differences that are too small to matter.

    Args:
        families: name of the data set -> label -> effect with its simultaneous interval.
    """
    from aslp_lib.course.trial import MARGIN, SIMULTANEOUS, interval_text, text, verdicts

    rows = len(next(iter(families.values())))
    figure, axes = new_panels(
        len(families),
        4.6,
        1.8 + 0.42 * rows,
        "What does each part contribute?",
        sharex=True,
        sharey=True,
    )
    notes = []
    for axis, (name, family) in zip(axes, families.items(), strict=True):
        axis.axvspan(-MARGIN, MARGIN, color=GREY, alpha=0.2, linewidth=0, zorder=0)
        axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
        cells = []
        for row, (label, word) in enumerate(verdicts(family).items()):
            change = family[label]
            number = f"\n{text(change.mean, 'nll', '+')}" if change else ""
            axis.annotate(
                word + number, (1, row), (6, 0), xycoords=("axes fraction", "data"),
                textcoords="offset points", va="center", fontsize=9,
            )  # fmt: skip
            if change is None:
                cells.append(f"{label} {word}")
                continue
            resolved = word in ("better", "worse")
            axis.errorbar(
                change.mean, row, xerr=[[change.mean - change.low], [change.high - change.mean]],
                fmt="D", color=ink(), markerfacecolor=ink() if resolved else "none", capsize=3,
            )  # fmt: skip
            cells.append(f"{label} {interval_text(change, 'nll')}, {word}")
        axis.set_title(f"{name}, {max(c.seeds for c in family.values() if c)} seeds")
        axis.set_xlabel(f"difference in temperature-scaled NLL, nats per pixel\n{BETTER}")
        notes.append(f"{name}: {'; '.join(cells)}")
    axes[0].set(yticks=range(rows), yticklabels=[*family], ylim=(rows - 0.4, -0.8))
    figure.set_label(
        "Differences in temperature-scaled NLL of the primary contrasts, first minus second "
        f"method, with simultaneous {100 * SIMULTANEOUS:.5g} % intervals and verdicts; the shaded "
        f"band is ±{MARGIN:g} nats. {'. '.join(notes)}."
    )
    return figure


@themed
def memorisation(frame: pandas.DataFrame, names: Mapping[str, str] = ARMS) -> Figure:
    """Plot over epochs how far each arm exceeds what its targets ask for, with 95 % intervals.

    Args:
        frame: the records of the mechanism, see `aslp_lib.course.trial.excess`.
        names: arm -> its label.
    """
    from aslp_lib.course.trial import MECHANISM_SEEDS, excess, memorisation_verdict

    epochs = sorted(set(frame.epoch))
    by_epoch = [excess(frame, epoch) for epoch in epochs]
    figure = new_figure(7.0, 4.0, "Is a label memorised?")
    axis = figure.subplots()
    notes = []
    for arm, (colour, line, mark) in zip(ARMS, looks(), strict=False):
        name = names[arm]
        mean, low, high = np.transpose([intervals[arm] for intervals in by_epoch])
        spacing = max(1, len(epochs) // 12)
        axis.plot(epochs, mean, line, color=colour, marker=mark, markevery=spacing, label=name)
        axis.fill_between(epochs, low, high, color=colour, alpha=0.25, linewidth=0)
        notes.append(f"{name} {mean[-1]:+.2f} [{low[-1]:+.2f}, {high[-1]:+.2f}]")
    half = by_epoch[-1]["B"][0] / 2
    axis.axhline(
        half,
        color=ink(),
        linestyle=":",
        linewidth=1,
        label="half of BCE's last mean (the plan's bar)",
    )
    axis.set(
        xlabel="epoch", ylabel="excess: probability of an unlikely label\nabove that of its targets"
    )
    draw_legend(figure, *axis.get_legend_handles_labels(), width=3)
    figure.set_label(
        "Mean excess of p(y) over what the targets ask for on average, on training pixels with an "
        f"unlikely label y, by epoch, {len(MECHANISM_SEEDS)} seeds. At epoch {epochs[-1]}, with "
        f"95 % intervals: {'; '.join(notes)}; half of BCE's mean is {half:.2f}. The claim that a "
        f"label that changes is memorised much less is {memorisation_verdict(frame)}."
    )
    return figure


@themed
def training_set_size(by_size: Mapping[str, Mapping[int, Effect]]) -> Figure:
    """Plot differences in NLL over the number of training images, with 95 % intervals.

    Args:
        by_size: label -> number of images -> effect, from `aslp_lib.course.trial`.
    """
    from aslp_lib.course.trial import MARGIN

    figure = new_figure(6.2, 3.8, "Differences by number of training images")
    axis = figure.subplots()
    axis.axhspan(-MARGIN, MARGIN, color=GREY, alpha=0.2, linewidth=0, zorder=0)
    axis.axhline(0, color=ink(), linestyle="--", linewidth=1)
    notes = []
    curves = zip(by_size.items(), islice(looks(), 1, None), strict=False)  # grey is the band
    for place, ((label, effects), (colour, line, mark)) in enumerate(curves):
        mean, low, high = np.transpose([change[:3] for change in effects.values()])
        # Shifted sideways, so that intervals do not hide each other.
        sizes = [size * 1.06 ** (place - (len(by_size) - 1) / 2) for size in effects]
        axis.errorbar(
            sizes, mean, (mean - low, high - mean), fmt=line, marker=mark, color=colour,
            capsize=3, label=plain(label),
        )  # fmt: skip
        cells = (
            f"{change.mean:+.3f} [{change.low:+.3f}, {change.high:+.3f}] at {size}"
            for size, change in effects.items()
        )
        notes.append(f"{label}: {', '.join(cells)}")
    axis.set(xscale="log", xlabel="training images", xticks=[*effects], xticklabels=[*effects])
    axis.minorticks_off()
    axis.set_ylabel("difference in temperature-scaled NLL,\nnats per pixel (below 0: first better)")
    legend_below(figure, axis)
    figure.set_label(
        "Differences in temperature-scaled NLL, first minus second method, by number of training "
        f"images, with 95 % intervals; the shaded band is ±{MARGIN:g} nats. {'; '.join(notes)}."
    )
    return figure
