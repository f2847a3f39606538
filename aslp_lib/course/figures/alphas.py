"""The levels of many images: over the epochs, over their margins, and what lambda trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import BLUE, GREY, LINES, ORANGE, looks, new_figure


def alphas_over_epochs(
    runs: Mapping[str, tuple[np.ndarray, np.ndarray]], images: Mapping[str, int]
) -> Figure:
    """Levels of some images over the epochs, a panel a run, with their bound.

    Args:
        runs: label -> (epochs, images) levels and (epochs,) bound.
        images: label -> which image.
    """
    figure = new_figure(3.9 * len(runs) + 0.4, 3.7, None)
    panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    for axis, (title, (alpha, bound)) in zip(panels, runs.items(), strict=True):
        epoch = np.arange(1, len(alpha) + 1)
        axis.plot(epoch, bound, color="black", linewidth=1, label="bound")
        for (name, image), (colour, line, _) in zip(images.items(), looks(), strict=False):
            axis.plot(epoch, alpha[:, image], line, color=colour, label=name)
        axis.set(xlabel="epoch", title=title)
    top = max(alpha.max() for alpha, _ in runs.values())
    panels[0].set(ylabel="level alpha", ylim=(0, 1.1 * top))
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        fontsize=9,
        ncols=len(images) + 1,
        loc="outside lower center",
    )
    chosen = list(images.values())
    notes = []
    for title, (alpha, bound) in runs.items():
        late = alpha[-10:, chosen]
        # In words where they swing: how high and low is another number on another processor.
        swing = np.ptp(late, axis=0).max() > 0.2 * late.mean()
        notes.append(
            f"{title}: in the last 10 epochs they "
            + ("swing" if swing else f"rest between {late.min():.3f} and {late.max():.3f}")
            + f", bound {bound[-1]:.3f}"
        )
    figure.set_label(
        f"Levels of {len(images)} images ({', '.join(images)}) over epochs. {'; '.join(notes)}."
    )
    return figure


def alphas_over_margins(runs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Last level of each image against its own margin, a panel a run, on one scale; strokes on the
    left show how levels are spread.

    Args:
        runs: label -> (images,) margins in nats and (images,) levels.
    """
    figure = new_figure(3.3 * len(runs) + 0.4, 3.3, None)
    panels = figure.subplots(1, len(runs), sharex=True, sharey=True, squeeze=False)[0]
    for axis, (title, (margins, alpha)) in zip(panels, runs.items(), strict=True):
        few = len(alpha) < 500
        axis.plot(margins, alpha, ".", color=BLUE, markersize=5 if few else 2)
        sns.rugplot(y=alpha, ax=axis, color=BLUE, alpha=0.3 if few else 0.03, height=0.04)
        axis.set(xlabel="own margin, nats", title=title)
    every = np.concatenate([alpha for _, alpha in runs.values()])
    low, top = every.min(), max(every.max(), 0.01)
    # From 0 on, unless that would leave half of the axis empty.
    panels[0].set_ylim(0 if low < top / 2 else low - 0.1 * (top - low), top + 0.1 * (top - low))
    panels[0].set_ylabel("level alpha")
    notes = "; ".join(
        f"{title}: levels around {alpha.mean():.2f}, which {_how_different(alpha)}"
        for title, (_, alpha) in runs.items()
    )
    figure.set_label(f"Levels against the images' own margins. {notes}.")
    return figure


def lambda_trade(
    weights: Sequence[float],
    excess: Sequence[float],
    spread: Sequence[float],
    predicted: Sequence[float],
) -> Figure:
    """Over lambda: how far levels rest beyond the bound, how far they differ, and the theory.

    Args:
        excess: median level less the bound.
        spread: 90 % less 10 % quantile of the levels.
        predicted: the excess that `2/beta * grad / lambda` predicts.
    """
    figure = new_figure(6.4, 3.8, None)
    axis = figure.subplots()
    axis.loglog(
        weights, predicted, color=GREY, linewidth=4, label="predicted, 2/beta * grad / lambda"
    )
    axis.loglog(weights, excess, "o" + LINES[1], color=BLUE, label="median level beyond the bound")
    axis.loglog(weights, spread, "s" + LINES[3], color=ORANGE, label="spread of the levels")
    axis.set(xlabel="weight lambda", ylabel="level alpha")
    axis.legend(fontsize=9)
    figure.set_label(
        f"Over lambda from {weights[0]:g} to {weights[-1]:g} the median level's distance from the "
        f"bound falls from {excess[0]:.1g} to {excess[-1]:.1g}, and the spread of the levels from "
        f"{spread[0]:.1g} to {spread[-1]:.1g}."
    )
    return figure


def _how_different(alpha: np.ndarray) -> str:
    """In words, for their 10 to 90 % range: of chaotic levels only the mean has digits to show."""
    share = np.ptp(np.quantile(alpha, [0.1, 0.9])) / max(alpha.mean(), 1e-9)
    return "hardly differ" if share < 0.1 else "differ" if share < 0.4 else "differ widely"
