"""The learner's own reliability diagram: is a confidence of 70 % right on 70 % of the questions?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

Row = tuple[str, float, bool]
"""Question, confidence in %, and whether the prediction was right."""
Z = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""
NONE_YET = (
    "No predictions yet. Answer the questions of the course with a confidence, and return here: "
    "you will see whether your confidence matches the share of your predictions that are right."
)


def wilson(right: float, count: int) -> tuple[float, float]:
    """Compute the Wilson 95 % interval of a share (Wilson, 1927), here in %.

    >>> [round(end) for end in wilson(10, 13)]
    [50, 92]
    """
    share = right / count
    middle = share + Z * Z / (2 * count)
    half = Z * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    scale = 100 / (1 + Z * Z / count)
    return (middle - half) * scale, (middle + half) * scale


class Bin(NamedTuple):
    """Predictions of similar confidence; confidence, share right and its interval are in %."""

    count: int
    confidence: float
    right: float
    low: float
    high: float

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Bin:
        """Summarise predictions, of which there is at least one."""
        count, right = len(rows), sum(row[2] for row in rows)
        mean = sum(row[1] for row in rows) / count
        return cls(count, mean, 100 * right / count, *wilson(right, count))


def bins(rows: Sequence[Row]) -> list[Bin]:
    """Sort by confidence, and divide into three bins whose sizes differ by at most one."""
    ordered = sorted(rows, key=lambda row: (row[1], row[0]))
    ends = [math.ceil(len(rows) * k / 3) for k in range(4)]
    return [Bin.of(ordered[a:b]) for a, b in zip(ends, ends[1:], strict=False) if a < b]


def words(rows: Sequence[Row]) -> list[str]:
    """Describe the diagram: all predictions together, each bin, and what so few can show."""
    if not rows:
        return [NONE_YET]
    every, parts = Bin.of(rows), bins(rows)
    brier = sum((row[1] - 100 * row[2]) ** 2 for row in rows) / 1e4 / len(rows)
    if every.confidence > every.high:
        verdict = "below your mean confidence: you are overconfident"
    elif every.confidence < every.low:
        verdict = "above your mean confidence: you are underconfident"
    else:
        verdict = "around your mean confidence: the difference may be chance"
    narrow, wide = (wilson(n / 2, n)[1] - 50 for n in (len(rows), parts[-1].count))
    return [
        f"Predictions: {len(rows)}. Mean confidence {_percent(every.confidence)}, right "
        f"{_percent(every.right)}, Brier score {brier:.2f} (0.25 if you always say 50 %).",
        f"The 95 % interval (Wilson) of the share right, {_interval(every)}, lies {verdict}.",
        *(
            f"{part.count} with mean confidence {_percent(part.confidence)}: right "
            f"{_percent(part.right)}, interval {_interval(part)}."
            for part in parts
        ),
        f"With {parts[-1].count} predictions in a bin, the interval is about ±{_rounded(wide)} "
        f"points wide, and for all {len(rows)} about ±{_rounded(narrow)}. So 20 to 40 predictions "
        "(±20 to ±15) can show that you are overconfident by 20 points on the whole. They cannot "
        "show at which confidence, nor an error of 10 points.",
    ]


def _rounded(value: float) -> int:
    """Round as JavaScript does: halves upward."""
    return math.floor(value + 0.5)


def _percent(value: float) -> str:
    return f"{_rounded(value)} %"


def _interval(part: Bin) -> str:
    return f"{_rounded(part.low)} to {_rounded(part.high)} %"
