"""The learner's own reliability diagram: is a confidence of 70 % right on 70 % of the questions?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from scipy.stats import binomtest

Row = tuple[str, float, bool]
"""Question, confidence in %, and whether the prediction was right."""
FEWEST = 9
"""Number of predictions from which on there are bins, with three or more in each."""
NAMES = "Least confident", "In the middle", "Most confident"
NONE_YET = (
    "No predictions yet. Answer the questions of the course with a confidence, and return here: "
    "you will see whether your confidence matches the share of your predictions that are right."
)


def wilson(right: int, count: int) -> tuple[float, float]:
    """Compute the Wilson 95 % interval of a share (Wilson, 1927), in %.

    >>> [round(end) for end in wilson(10, 13)]
    [50, 92]
    """
    low, high = binomtest(right, count).proportion_ci(method="wilson")
    return 100 * float(low), 100 * float(high)


def summary(rows: Sequence[Row]) -> tuple[int, float, float, float, float]:
    """Return the number of predictions, mean confidence, share right and its interval, in %."""
    right = sum(row[2] for row in rows)
    mean = sum(row[1] for row in rows) / len(rows)
    return len(rows), mean, 100 * right / len(rows), *wilson(right, len(rows))


def bins(rows: Sequence[Row]) -> list[tuple[int, float, float, float, float]]:
    """Sort by confidence, and summarise three bins whose sizes differ by at most one."""
    ordered = sorted(rows, key=lambda row: (row[1], row[0]))
    ends = [math.ceil(len(rows) * k / 3) for k in range(4)]
    return [summary(ordered[start:end]) for start, end in pairwise(ends)]


def words(rows: Sequence[Row]) -> list[str]:
    """Describe the diagram: all predictions together, each bin, and what so few can show."""
    if not rows:
        return [NONE_YET]
    every = summary(rows)
    _, confidence, _, low, high = every
    brier = sum((row[1] - 100 * row[2]) ** 2 for row in rows) / 1e4 / len(rows)
    verdict = "is around your mean confidence: the difference may be chance"
    if confidence > high:
        verdict = "is below your mean confidence: you are overconfident"
    elif confidence < low:
        verdict = "is above your mean confidence: you are underconfident"
    brier_text = f"{_rounded(100 * brier) / 100:.2f}"
    lines = [
        f"{_written('All', every)} Brier score {brier_text}; always saying 50 % has 0.25.",
        f"In brackets, Wilson's 95 % interval of the share right. For all together, it {verdict}.",
    ]
    if len(rows) < FEWEST:
        return [*lines, f"From {FEWEST} predictions on, they are drawn in three bins."]
    parts = bins(rows)
    ends = [wilson(n // 2, n) for n in (parts[-1][0], len(rows))]
    wide, narrow = (_rounded((high - low) / 2) for low, high in ends)
    return [
        *lines,
        *map(_written, NAMES, parts),
        f"With {parts[-1][0]} predictions in a bin, the interval reaches about {wide} points to "
        f"either side, for all {len(rows)} together {narrow}. So 20 to 40 predictions (20 to 15 "
        "points) can show that you are overconfident by 20 points on the whole, but neither at "
        "which confidence, nor an error of 10 points.",
    ]


def _written(name: str, part: tuple[int, float, float, float, float]) -> str:
    confidence, right, low, high = map(_rounded, part[1:])
    return (
        f"{name} ({part[0]}): mean confidence {confidence} %, right {right} % ({low} to {high} %)."
    )


def _rounded(value: float) -> int:
    """Round as JavaScript does: halves upward."""
    return math.floor(value + 0.5)
