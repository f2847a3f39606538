"""Figures of label perturbation: perturbed label maps, and the plane of alpha and beta."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.perturbation import Technique, expected_targets
from aslp_lib.course.figures.panels import POINT, draw_pictures, new_panels, picture_grid
from aslp_lib.evaluation.figures.style import GREEN, GREY, ink, legend_below, looks, themed


@themed
def label_maps(maps: Mapping[str, np.ndarray], mask: np.ndarray) -> Figure:
    """Show label maps side by side, with the values of background and foreground.

    Args:
        maps: title -> (H, W) targets in [0, 1].
        mask: (H, W) unperturbed label.
    """
    figure, axes = new_panels(len(maps), 1.95, 2.5)
    draw_pictures(axes, maps.values())
    notes = []
    for axis, (title, target) in zip(axes, maps.items(), strict=True):
        ground, object_ = _format_range(target[mask == 0]), _format_range(target[mask == 1])
        axis.set_title(title)
        axis.set_xlabel(f"background {ground}\nforeground {object_}", fontsize=9)
        notes.append(f"{title}: background {ground}, foreground {object_}")
    figure.colorbar(axes[0].images[0], ax=list(axes), label="target", shrink=0.8)
    figure.set_label(f"A label map and its targets. {'; '.join(notes)}.")
    return figure


@themed
def label_grid(rows: Mapping[str, np.ndarray], description: str) -> Figure:
    """Show rows of label maps, such as several samples of the targets of a batch.

    Args:
        rows: name of the row -> (N, H, W) targets in [0, 1].
        description: description of the maps, which ends the alt text.
    """
    figure, grid = picture_grid(rows, 1.2)
    figure.set_label(f"{grid.shape[1]} label maps; rows: {', '.join(rows)}. {description}")
    return figure


@themed
def running_means(samples: Mapping[str, np.ndarray], expected: float) -> Figure:
    """Plot the interval that contains the mean of the first n sampled targets in 90 % of sequences.

    The intervals stand side by side at five numbers n, which cover two decades.

    Args:
        samples: label -> (sequences, n) sampled targets of one pixel.
        expected: the expected target, which all techniques share.
    """
    figure, (axis,) = new_panels(1, 6, 3.6)
    notes = []
    longest = next(iter(samples.values())).shape[1]
    number = np.unique(np.geomspace(max(longest / 100, 1), longest, 5).round().astype(int))
    columns = zip(samples.items(), looks(), strict=False)
    for column, ((label, targets), (colour, _, mark)) in enumerate(columns):
        means = np.cumsum(targets, axis=1)[:, number - 1] / number
        low, high = np.quantile(means, (0.05, 0.95), axis=0)
        x = number * 1.12 ** (column - (len(samples) - 1) / 2)
        axis.plot(x, low, mark, color=colour, label=label)
        axis.plot(x, high, mark, color=colour)
        axis.vlines(x, low, high, color=colour)
        notes.append(f"{label}: {low[-1]:.3f} to {high[-1]:.3f}")
    axis.axhline(expected, color=ink(), linewidth=1, label=f"expected target {expected:.2f}")
    axis.set(xscale="log", xlabel="number of draws n (lines: 90 % of the sequences)")
    axis.set_xticks(number, map(str, number))
    axis.set_xticks([], minor=True)
    axis.set_ylabel("mean target of a foreground pixel")
    legend_below(figure, axis)
    figure.set_label(
        f"Interval that contains the mean target after n draws in 90 % of sequences, around the "
        f"expected target {expected:.2f}. After {longest} draws, {'; '.join(notes)}."
    )
    return figure


@themed
def plane(points: Mapping[str, tuple[float, float]]) -> Figure:
    """Plot methods as points in the plane of alpha and beta, with lines of equal alpha*beta.

    Args:
        points: label -> (alpha, beta).
    """
    figure, (axis,) = new_panels(1, 6, 4.6)
    alpha, beta = np.linspace(0, 1, 201), np.linspace(0, 2, 201)
    strength = alpha * beta[:, None]
    axis.contourf(alpha, beta, strength, levels=[1, 2], colors=[GREY], alpha=0.3)
    levels, widths = [0.1, 0.2, 0.4, 0.7, 1], [0.7, 0.7, 0.7, 0.7, 2]
    lines = axis.contour(alpha, beta, strength, levels, colors=ink(), linewidths=widths)
    axis.clabel(lines, fmt=lambda level: f"{level:g}", fontsize=9)
    axis.text(0.97, 1.9, "expected target\ninverted", ha="right", va="top")
    for label, (a, b) in points.items():
        axis.plot(a, b, "o", color=GREEN, ms=8, markeredgecolor="white", clip_on=False, zorder=5)
        # The label lies inside the plane: to the lower right of the point, or to its upper left.
        place, side = ((9, -9), "left") if a < 0.6 else ((-9, 17), "right")
        axis.annotate(
            label, (a, b), xytext=place, textcoords="offset points", ha=side, va="center",
            clip_on=False, fontsize=9, zorder=6,
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
        )  # fmt: skip
    axis.set(xlim=(0, 1), xlabel="perturbation level alpha (lines: equal alpha*beta)")
    axis.set(ylim=(0, 2), ylabel="perturbation strength beta")
    notes = "; ".join(f"{label} at alpha {a:.2g}, beta {b:.2g}" for label, (a, b) in points.items())
    figure.set_label(
        "The plane of alpha and beta with lines of equal alpha*beta; beyond alpha*beta = 1 the "
        f"expected target is inverted. {notes}."
    )
    return figure


@themed
def decisions(techniques: Sequence[Technique]) -> Figure:
    """Plot the expected target of a foreground pixel over alpha, and where it falls to 1/2."""
    figure, (axis,) = new_panels(1, 6, 3.6)
    alpha = torch.linspace(0, 1, 101)
    for technique, (colour, line, _) in zip(techniques, looks(), strict=False):
        target = expected_targets(torch.ones(len(alpha)), alpha, technique)
        label = f"{technique.name}, beta = {technique.beta:g}"
        axis.plot(alpha, target, line, color=colour, label=label)
        axis.plot(technique.alpha_limit, 0.5, "o", color=colour, **POINT)
    axis.axhline(0.5, color=GREY, linewidth=1)
    axis.fill_between([0, 1], 0, 0.5, color=GREY, alpha=0.2, linewidth=0)
    axis.text(0.03, 0.06, "expected target inverted")
    axis.set(xlabel="perturbation level alpha", xlim=(0, 1))
    axis.set(ylabel="expected target of a foreground pixel", ylim=(0, 1.02))
    axis.legend(loc="upper right")
    limits = ", ".join(f"{t.name} at alpha {t.alpha_limit:.2f}" for t in techniques)
    figure.set_label(
        f"The expected target of a foreground pixel falls with alpha and reaches 1/2: {limits}."
    )
    return figure


def _format_range(values: np.ndarray) -> str:
    """Format the range of values, or the one value if all are equal to two decimals."""
    if not values.size:
        return "none"
    low, high = f"{values.min():.2f}", f"{values.max():.2f}"
    return low if low == high else f"{low} to {high}"
