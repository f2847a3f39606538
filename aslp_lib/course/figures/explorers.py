"""Figures of the interactive explorers, drawn from values that are computed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import CONFIDENCE, SHARE, Panels
from aslp_lib.evaluation.figures.style import BLUE, GREEN, GREY, ORANGE
from aslp_lib.metrics.calibration import Reliability

_POINT: dict[str, Any] = {
    "markersize": 9,
    "markeredgecolor": "black",
    "clip_on": False,
    "zorder": 5,
}
_ALPHAS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
"""Ticks of alpha, the same for all settings of the loop, so that they can be compared. Alphas
converge to values from 0.05 to 0.4, and a fall begins near 1."""


def reliability_gaps(table: Reliability, counted: np.ndarray, title: str) -> Figure:
    """Plot a reliability diagram with the gaps that an estimator counts, and the bins' shares.

    Args:
        counted: (bins,) boolean, whether the bin's gap is counted.
    """
    panels = Panels(8.6)
    diagram = panels.plot(
        0.6, 3.5, ("confidence", CONFIDENCE), ("accuracy in the bin", SHARE), title
    )
    shares = panels.plot(
        5.0, 3.4, ("confidence", CONFIDENCE), ("% of the pixels", SHARE), "where the pixels are"
    )
    left, width = table.edges[:-1], np.diff(table.edges)
    full = table.pixels > 0
    diagram.bar(
        left[full], table.accuracy[full], width[full], align="edge", color=BLUE, alpha=0.35,
        edgecolor="white", linewidth=0.5, label="accuracy",
    )  # fmt: skip
    diagram.plot([0.5, 1], [0.5, 1], "--", color="black", linewidth=1, label="calibrated")
    for mask, colour, line_width, label in (
        (full & counted, ORANGE, 4, "gap, counted"),
        (full & ~counted, GREY, 1, "gap, not counted"),
    ):
        if mask.any():
            confidence, accuracy = table.confidence[mask], table.accuracy[mask]
            diagram.vlines(
                confidence, accuracy, confidence, color=colour, linewidth=line_width, label=label
            )
    diagram.plot(table.confidence[full], table.accuracy[full], ".", color="black", markersize=5)
    diagram.legend(fontsize=9, loc="lower right")
    # Stems at the bins' mean confidence: equal-mass bins may be too thin for bars.
    shares.vlines(table.confidence[full], 0, table.share[full], color=GREY, linewidth=2.5)
    shares.plot(table.confidence[full], table.share[full], ".", color="black", markersize=4)
    shares.set_yticklabels([f"{100 * share:.0f}" for share in SHARE])
    panels.figure.set_label(
        f"Reliability diagram, {title}: accuracy against confidence in {len(table.pixels)} bins, "
        f"{int(full.sum())} of them with pixels; the gaps of {int((full & counted).sum())} are "
        "counted. Beside it, the share of pixels in each bin."
    )
    return panels.figure


def perturbation_plane(
    plain: np.ndarray,
    perturbed: np.ndarray,
    expected: np.ndarray,
    alpha: float,
    beta: float,
    name: str,
    techniques: Mapping[str, float],
) -> Figure:
    """Show a label map, its perturbed and its expected target, and the plane of alpha and beta.

    Args:
        plain, perturbed, expected: (H, W) targets in [0, 1].
        name: name of the technique.
        techniques: name -> beta of the techniques to mark.
    """
    panels = Panels(9.6)
    for left, values, title in (
        (0.15, plain, f"switch off: {1 - alpha:.0%}"),
        (2.05, perturbed, f"{name}, on: {alpha:.0%}"),
        (3.95, expected, "on average"),
    ):
        panels.map(left, 1.8, values, title)
    plane = panels.plot(
        6.4, 2.5, ("level alpha", SHARE), ("strength beta", (0, 0.5, 1, 1.5, 2)), "the plane"
    )
    x = np.linspace(0.005, 1, 200)
    plane.fill_between(x, np.minimum(1 / x, 2), 2, color=GREY, alpha=0.3, linewidth=0)
    plane.plot(x, 1 / x, color="black", linewidth=1.2, label="alpha*beta = 1")
    product = round(alpha * beta, 6)
    position = "beyond" if product > 1 else "on" if product == 1 else "under"
    if product > 0:
        plane.plot(x, product / x, "--", color=BLUE, linewidth=1.2, label="equal alpha*beta")
    plane.plot([1, 1], [0, 1], color=GREEN, linewidth=5, clip_on=False, label="label smoothing")
    plane.plot([0, 0.5], [2, 2], color=ORANGE, linewidth=5, clip_on=False, label="DisturbLabel")
    for name, technique_beta in techniques.items():
        plane.axhline(technique_beta, color=GREY, linestyle=":", linewidth=0.8)
        plane.text(1.03, technique_beta, name, fontsize=9, va="center")
    plane.plot([alpha], [beta], "o", color=BLUE, **_POINT)
    panels.figure.legend(  # below the maps, as it would hide curves of small alpha*beta
        *plane.get_legend_handles_labels(), fontsize=9, ncols=2, loc="lower center",
        bbox_to_anchor=(2.95 / panels.width, 0.1),
    )  # fmt: skip
    panels.figure.set_label(
        f"A label map, its version perturbed by {name} (background {beta / 2:.2f}, foreground "
        f"{1 - beta / 2:.2f}) and their mean; and the plane of alpha and beta, with the point "
        f"({alpha:.2f}, {beta:.2f}) {position} the bound alpha*beta = 1."
    )
    return panels.figure


def loss_over_f(
    f: np.ndarray,
    losses: Mapping[str, np.ndarray],
    lowest: tuple[float, float],
    posterior: float,
    answer: np.ndarray,
) -> Figure:
    """Plot the expected loss over the probability f with its minimum, and f* over the posterior.

    Args:
        f: (points,) probabilities.
        losses: label -> (points,) losses in nats; the last one is drawn strongest.
        lowest: f* and the loss at f*.
        posterior: true posterior for which f* was computed.
        answer: (2,) f* at the posteriors 0 and 1; it is linear in between.
    """
    panels = Panels(8.6)
    curve = panels.plot(
        0.6, 4.2, ("f, the network's P(y = 1)", SHARE), ("loss, nats", (0, 1, 2, 3)), "the loss"
    )
    styles = ((GREY, ":", 1.2), (GREY, "--", 1.2), (BLUE, "-", 2.2))
    for (label, loss), (colour, dash, width) in zip(losses.items(), styles, strict=True):
        curve.plot(f, loss, dash, color=colour, linewidth=width, label=label)
    curve.plot(*lowest, "o", color=ORANGE, **_POINT, label="lowest")
    curve.axvline(0.5, color="black", linewidth=0.6)
    curve.legend(fontsize=9, loc="upper center")
    line = panels.plot(
        5.7, 2.7, ("true posterior pi", SHARE), ("minimiser f*", SHARE), "what is learnt"
    )
    line.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, label="plain BCE")
    line.plot([0, 1], answer, color=BLUE, linewidth=2, label="SC-BCE")
    line.axhline(0.5, color="black", linewidth=0.6)
    line.plot([posterior], [lowest[0]], "o", color=ORANGE, **_POINT)
    line.legend(fontsize=9, loc="upper left")
    panels.figure.set_label(
        f"The expected loss over f: lowest at f = {lowest[0]:.3f}, where it is {lowest[1]:.3f} "
        f"nats. Beside it, the minimiser over the true posterior, a line from {answer[0]:.2f} to "
        f"{answer[1]:.2f}."
    )
    return panels.figure


def _square_root(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(values, 0))


def feedback_loop(
    alpha: np.ndarray,
    margins: np.ndarray,
    bound: np.ndarray,
    accuracy: np.ndarray,
    confidence: np.ndarray,
    title: str,
    top: float = _ALPHAS[-1],
) -> Figure:
    """Plot alphas over the epochs, accuracy and confidence, and the last alphas over the margins.

    Args:
        alpha: (epochs, images).
        margins: (images,) margins of the images, in nats; the alphas of three images are drawn.
        bound, accuracy, confidence: (epochs,) as in `course.models.simulation.Trace`.
        top: upper end of the axes of alpha.
    """
    panels = Panels(10.2)
    epochs = len(alpha)
    epoch = np.arange(1, epochs + 1)
    time = ("epoch", (0, epochs // 2, epochs))
    alpha_axis = ("level alpha, root scale", [tick for tick in _ALPHAS if tick <= top])
    left = panels.plot(0.65, 2.9, time, alpha_axis, title)
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
    middle = panels.plot(
        4.25, 2.4, time, ("validation, % of pixels", (50, 75, 100)), "the response"
    )
    middle.plot(epoch, 100 * confidence, color=ORANGE, label="confidence")
    middle.plot(epoch, 100 * accuracy, ":", color="black", label="accuracy")
    middle.legend(fontsize=9, loc="lower right")
    right = panels.plot(
        7.4, 2.5, ("own margin, nats", (-5, 5, 15)), alpha_axis, f"after epoch {epochs}"
    )
    right.plot(margins, alpha[-1], ".", color=BLUE, markersize=3)
    right.axhline(bound[-1], color="black", linestyle="--", linewidth=1)
    for axis in (left, right):
        axis.set_yscale("function", functions=(_square_root, np.square))
        axis.set(yticks=alpha_axis[1], ylim=(0, top))
    panels.figure.set_label(
        f"{title}. Levels of three images over {epochs} epochs with their bound, in the last 10 at "
        f"a mean of {alpha[-10:].mean():.2f} over all images; confidence "
        f"{100 * confidence[-1]:.0f} % and accuracy {100 * accuracy[-1]:.0f} % at the end; the "
        "last levels against the images' own margins."
    )
    return panels.figure
