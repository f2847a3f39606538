"""A row of a forest plot: a difference, its interval and its verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from aslp_lib.evaluation.figures.style import ink

BESIDE: Mapping[str, Any] = {
    "xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"
}  # fmt: skip


def forest_row(axis: Axes, y: float, effect: Sequence[float], word: str) -> None:
    """Draw a difference with its interval, and write its verdict beside the axes."""
    mean, low, high = effect
    axis.errorbar(
        mean, y, xerr=[[mean - low], [high - mean]], fmt="D", color=ink(), capsize=3, ms=5,
        markerfacecolor=ink() if word in ("better", "worse") else "none",
    )  # fmt: skip
    axis.annotate(word, (1, y), (6, 0), **BESIDE)
