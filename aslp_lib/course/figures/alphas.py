"""Figures of perturbation levels: over epochs, over margins, and over the weight lambda."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import BLUE, GREY, LINES, ORANGE, looks, new_figure


def alphas_over_epochs(
    runs: Mapping[str, tuple[np.ndarray, np.ndarray]], images: Mapping[str, int]
) -> Figure:
    """Plot the alphas of some images over the epochs with their bound, one panel per run.

    Args:
        runs: label -> (epochs, images) alphas and (epochs,) bound.
        images: label -> index of the image.
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
    indices = list(images.values())
    notes = []
    for title, (alpha, bound) in runs.items():
        tail = alpha[-10:, indices]
        # An oscillation is described in words, because its extremes differ between processors.
        oscillates = np.ptp(tail, axis=0).max() > 0.2 * tail.mean()
        notes.append(
            f"{title}: in the last 10 epochs they "
            + ("swing" if oscillates else f"rest between {tail.min():.3f} and {tail.max():.3f}")
            + f", bound {bound[-1]:.3f}"
        )
    figure.set_label(
        f"Levels of {len(images)} images ({', '.join(images)}) over epochs. {'; '.join(notes)}."
    )
    return figure


def alphas_over_margins(runs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Plot the last alpha of each image over its margin, one panel per run, on a common scale.

    A rug on the left shows the distribution of the alphas.

    Args:
        runs: label -> (images,) margins in nats and (images,) alphas.
    """
    figure = new_figure(3.3 * len(runs) + 0.4, 3.3, None)
    panels = figure.subplots(1, len(runs), sharex=True, sharey=True, squeeze=False)[0]
    for axis, (title, (margins, alpha)) in zip(panels, runs.items(), strict=True):
        is_small = len(alpha) < 500
        axis.plot(margins, alpha, ".", color=BLUE, markersize=5 if is_small else 2)
        sns.rugplot(y=alpha, ax=axis, color=BLUE, alpha=0.3 if is_small else 0.03, height=0.04)
        axis.set(xlabel="own margin, nats", title=title)
    all_alphas = np.concatenate([alpha for _, alpha in runs.values()])
    low, top = all_alphas.min(), max(all_alphas.max(), 0.01)
    # The axis starts at 0, unless that would leave half of it empty.
    panels[0].set_ylim(0 if low < top / 2 else low - 0.1 * (top - low), top + 0.1 * (top - low))
    panels[0].set_ylabel("level alpha")
    notes = "; ".join(
        f"{title}: levels around {alpha.mean():.2f}, which {_describe_spread(alpha)}"
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
    """Plot the excess of the alphas over the bound, its prediction, and their spread over lambda.

    Args:
        weights: values of lambda.
        excess: median alpha minus the bound.
        spread: 90 % quantile minus 10 % quantile of the alphas.
        predicted: excess predicted by `2/beta * grad / lambda`.
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


def _describe_spread(alpha: np.ndarray) -> str:
    """Describe the 10 to 90 % range of the alphas in words.

    Of chaotic alphas only the mean has reproducible digits.
    """
    ratio = np.ptp(np.quantile(alpha, [0.1, 0.9])) / max(alpha.mean(), 1e-9)
    return "hardly differ" if ratio < 0.1 else "differ" if ratio < 0.4 else "differ widely"
