"""The learner's reliability in words: are predictions with 70 % confidence right in 70 %?

The diagram itself, with its bins, is computed and drawn by `widgets.js`, on pages without a kernel,
too.
"""

import math
from collections.abc import Sequence

from scipy.stats import binomtest

Row = tuple[str, float, bool]
"""Question, confidence in %, and whether the prediction was right."""
NONE_YET = (
    "No predictions yet. Answer the questions of the course with a confidence, and return here: "
    "you will see whether your confidence matches the share of your predictions that are right."
)


def words(rows: Sequence[Row]) -> list[str]:
    """Describe all predictions together: mean confidence, share right with interval, Brier score.

    The interval is Wilson's 95 % interval (Wilson, 1927).

    >>> words([("How many?", 80, True), ("Which?", 60, False)])[0]
    'All (2): mean confidence 70 %, right 50 % (9 to 91 %). Brier score 0.20; always saying 50 % \
has 0.25.'
    """
    if not rows:
        return [NONE_YET]
    count, right = len(rows), sum(row[2] for row in rows)
    confidence = sum(row[1] for row in rows) / count
    brier = sum((row[1] - 100 * row[2]) ** 2 for row in rows) / 1e4 / count
    low, high = (100 * end for end in binomtest(right, count).proportion_ci(method="wilson"))
    verdict = "around your mean confidence: the difference may be chance"
    if confidence > high:
        verdict = "below your mean confidence: you are overconfident"
    elif confidence < low:
        verdict = "above your mean confidence: you are underconfident"
    # JavaScript rounds halves upward.
    shown = [math.floor(share + 0.5) for share in (confidence, 100 * right / count, low, high)]
    return [
        "All ({}): mean confidence {} %, right {} % ({} to {} %). ".format(count, *shown)
        + f"Brier score {math.floor(100 * brier + 0.5) / 100:.2f}; always saying 50 % has 0.25.",
        f"In brackets, Wilson's 95 % interval of the share right. For all, it is {verdict}.",
    ]
