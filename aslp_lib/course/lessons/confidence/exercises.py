"""Exercises: overconfidence error, and underconfidence."""

from collections.abc import Callable

import numpy as np

from aslp_lib.course.exercises import Array, exercise, read_only, unchanged
from aslp_lib.course.lessons.bill.exercises import counts_of
from aslp_lib.metrics import calibration
from aslp_lib.metrics.float_levels import GREY_LEVELS


def _arrays(pixels: int) -> tuple[Array, ...]:
    """Make probabilities, none on the edge of a bin, and labels of an overconfident network."""
    rng, top = np.random.default_rng(pixels), GREY_LEVELS - 1
    grey_level = np.rint(top * rng.beta(0.5, 0.8, pixels)).clip(1, top - 1)
    grey_level += grey_level % (top // 5) == 0  # not 0.2, 0.4 and so on
    p = grey_level / top
    return read_only(p, rng.random(pixels) < 0.2 + 0.5 * p)


def _sum_over_bins(term: Callable[[Array, Array, Array], Array]) -> Callable[[Array, Array], float]:
    """Make a function of p and y: the sum of a term in the bins' shares, confidences and gaps."""

    def total(p: Array, y: Array) -> float:
        table = calibration.reliability(counts_of(p, y))
        return float(np.nansum(term(table.share, table.confidence, table.gap)))

    return total


_PIXELS = _arrays(60)

OE = exercise(
    "confidence/oe",
    grid=(_arrays(8), _PIXELS, _arrays(1000)),
    right=lambda p, y: calibration.oe(counts_of(p, y)),
    tolerance=1e-4,
    expects="a share in [0, 1] (an empty bin has no mean: leave it out)",
    mistakes={
        "ece": lambda p, y: calibration.ece(counts_of(p, y)),
        "unweighted gap": _sum_over_bins(lambda w, c, gap: w * np.maximum(gap, 0)),
        "accuracy as factor": _sum_over_bins(lambda w, c, gap: w * (c - gap) * np.maximum(gap, 0)),
        "sign": _sum_over_bins(lambda w, c, gap: w * c * np.maximum(-gap, 0)),
        "underconfident too": _sum_over_bins(lambda w, c, gap: w * c * gap),
        "no shares": _sum_over_bins(lambda w, c, gap: c * np.maximum(gap, 0)),
    },
    properties={
        "order": unchanged(_PIXELS, lambda p, y: (p[::-1], y[::-1])),
        "classes": unchanged(_PIXELS, lambda p, y: (1 - p, 1 - y)),
        "twice": unchanged(_PIXELS, lambda p, y: (np.tile(p, 2), np.tile(y, 2))),
    },
)

TEXTURE = exercise(
    "confidence/texture",
    right=lambda: calibration.ece(counts_of(np.full(100, 0.2), np.zeros(100))),
    tolerance=0.004,
    mistakes={
        "oe": 0.0,
        "confidence": 1 - 0.2,
        "signed": 0.8 - 1,
        "accuracy": 1.0,
    },
)

EXERCISES = (OE, TEXTURE)
