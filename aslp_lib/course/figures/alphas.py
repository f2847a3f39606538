"""Figures of perturbation levels: over epochs, over margins, over lambda, and in the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import Panels, new_panels
from aslp_lib.evaluation.figures.style import BLUE, GREEN, GREY, ORANGE, legend_below, looks

LOOP_ALPHAS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
"""Ticks of alpha, the same for all settings of the loop, so that they can be compared. Alphas
converge to values from 0.05 to 0.4, and a fall begins near 1."""


def alphas_over_epochs(
    runs: Mapping[str, tuple[np.ndarray, np.ndarray]], images: Mapping[str, int]
) -> Figure:
    """Plot the alphas of some images over the epochs with their bound, one panel per run.

    Args:
        runs: label -> (epochs, images) alphas and (epochs,) bound.
        images: label -> index of the image.
    """
    figure, panels = new_panels(len(runs), 3.9, 3.5, sharey=True)
    notes = []
    for axis, (title, (alpha, bound)) in zip(panels, runs.items(), strict=True):
        epoch = np.arange(1, len(alpha) + 1)
        axis.plot(epoch, bound, color="black", linewidth=1, label="bound")
        for (name, image), (colour, line, _) in zip(images.items(), looks(), strict=False):
            axis.plot(epoch, alpha[:, image], line, color=colour, label=name)
        axis.set(xlabel="epoch", title=title)
        tail = alpha[-10:, list(images.values())]
        # An oscillation is described in words, because its extremes differ between processors.
        oscillates = np.ptp(tail, axis=0).max() > 0.2 * tail.mean()
        does = "swing" if oscillates else f"rest between {tail.min():.3f} and {tail.max():.3f}"
        notes.append(f"{title}: in the last 10 epochs they {does}, bound {bound[-1]:.3f}")
    top = max(alpha.max() for alpha, _ in runs.values())
    panels[0].set(ylabel="perturbation level alpha", ylim=(0, 1.1 * top))
    legend_below(figure, panels[0])
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
    figure, panels = new_panels(len(runs), 3.3, 3.3, sharex=True, sharey=True)
    for axis, (title, (margins, alpha)) in zip(panels, runs.items(), strict=True):
        is_small = len(alpha) < 500
        axis.plot(margins, alpha, ".", color=BLUE, markersize=5 if is_small else 2)
        sns.rugplot(y=alpha, ax=axis, color=BLUE, alpha=0.3 if is_small else 0.03, height=0.04)
        axis.set(xlabel="own margin, nats", title=title)
    all_alphas = np.concatenate([alpha for _, alpha in runs.values()])
    low, top = all_alphas.min(), max(all_alphas.max(), 0.01)
    # The axis starts at 0, unless that would leave half of it empty.
    margin = 0.1 * (top - low)
    bottom = 0 if low < top / 2 else low - margin
    panels[0].set(ylabel="perturbation level alpha", ylim=(bottom, top + margin))
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
    figure, (axis,) = new_panels(1, 6, 3.8)
    label = "predicted, 2/beta * grad / lambda"
    axis.loglog(weights, predicted, color=GREY, linewidth=4, label=label)
    axis.loglog(weights, excess, "o--", color=BLUE, label="median alpha minus the bound")
    axis.loglog(weights, spread, "s:", color=ORANGE, label="spread of the alphas")
    axis.set(xlabel="weight lambda", ylabel="perturbation level alpha")
    axis.legend(fontsize=9)
    figure.set_label(
        f"Over lambda from {weights[0]:g} to {weights[-1]:g} the median level's distance from the "
        f"bound falls from {excess[0]:.1g} to {excess[-1]:.1g}, and the spread of the levels from "
        f"{spread[0]:.1g} to {spread[-1]:.1g}."
    )
    return figure


def feedback_loop(
    alpha: np.ndarray,
    margins: np.ndarray,
    bound: np.ndarray,
    accuracy: np.ndarray,
    confidence: np.ndarray,
    title: str,
    top: float = LOOP_ALPHAS[-1],
) -> Figure:
    """Plot alphas over the epochs, accuracy and confidence, and the last alphas over the margins.

    Args:
        alpha: (epochs, images).
        margins: (images,) margins of the images, in nats; the alphas of three images are drawn.
        bound, accuracy, confidence: (epochs,) as in `course.models.simulation.Trace`.
        top: upper end of the axes of alpha.
    """
    panels, epochs = Panels(10.2), len(alpha)
    epoch = np.arange(1, epochs + 1)
    time = ("epoch", (0, epochs // 2, epochs))
    alphas = ("alpha, square-root scale", [tick for tick in LOOP_ALPHAS if tick <= top])
    left = panels.plot((0.65, 0.5, 2.9, 2.55), time, alphas, title)
    left.plot(epoch, bound, "--", color="black", linewidth=1, label="bound")
    order = np.argsort(margins)
    for share, name, colour, dash in (
        (0.1, "an unsure image", GREEN, ":"),
        (0.5, "a typical image", BLUE, "-"),
        (0.9, "a sure image", ORANGE, "-."),
    ):
        image = order[int(share * (len(order) - 1))]
        left.plot(epoch, alpha[:, image], dash, color=colour, linewidth=1.4, label=name)
    is_high = alpha[-10:].mean() > top / 4  # the upper half of a square-root scale
    left.legend(fontsize=9, loc="lower right" if is_high else "upper right")
    percent = ("validation, % of pixels", (50, 75, 100))
    middle = panels.plot((4.25, 0.5, 2.4, 2.55), time, percent, "the response")
    middle.plot(epoch, 100 * confidence, color=ORANGE, label="confidence")
    middle.plot(epoch, 100 * accuracy, ":", color="black", label="accuracy")
    middle.legend(fontsize=9, loc="lower right")
    nats = ("own margin, nats", (-5, 5, 15))
    right = panels.plot((7.4, 0.5, 2.5, 2.55), nats, alphas, f"after epoch {epochs}")
    right.plot(margins, alpha[-1], ".", color=BLUE, markersize=3)
    right.axhline(bound[-1], color="black", linestyle="--", linewidth=1)
    for axis in (left, right):
        axis.set_yscale("function", functions=(_square_root, np.square))
        axis.set(yticks=alphas[1], ylim=(0, top))
    panels.figure.set_label(
        f"{title}. Levels of three images over {epochs} epochs with their bound, in the last 10 at "
        f"a mean of {alpha[-10:].mean():.2f} over all images; confidence "
        f"{100 * confidence[-1]:.0f} % and accuracy {100 * accuracy[-1]:.0f} % at the end; the "
        "last levels against the images' own margins."
    )
    return panels.figure


def _square_root(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(values, 0))


def _describe_spread(alpha: np.ndarray) -> str:
    """Describe the 10 to 90 % range of the alphas in words.

    Of chaotic alphas only the mean has reproducible digits.
    """
    ratio = np.ptp(np.quantile(alpha, [0.1, 0.9])) / max(alpha.mean(), 1e-9)
    return "hardly differ" if ratio < 0.1 else "differ" if ratio < 0.4 else "differ widely"
