"""Calibration and saliency metrics of dense binary maps, computed from one joint histogram."""

from __future__ import annotations

from collections.abc import Iterable

from aslp_lib.metrics import calibration, saliency, smooth
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import Score, Visibility

__all__ = [
    "SCORES",
    "Score",
    "Visibility",
    "calibration",
    "saliency",
    "scores",
    "smooth",
    "visible_scores",
]

SCORES: dict[str, Score] = {
    score.name: score
    for score in (
        calibration.ECE,
        calibration.ECE_EQUAL_MASS,
        calibration.ECE_DEBIASED,
        calibration.OE,
        calibration.MCE,
        calibration.ECE_SWEEP,
        smooth.SMOOTH_ECE,
        calibration.KS,
        calibration.GAP,
        calibration.ACCURACY,
        calibration.CONFIDENCE,
        calibration.BRIER,
        calibration.NLL,
        saliency.MAE,
        saliency.MAX_F,
        saliency.MAX_F_MEAN_PR,
        saliency.MEAN_F,
        saliency.ADAPTIVE_F,
        saliency.WEIGHTED_F,
        saliency.MAX_E,
        saliency.MEAN_E,
        saliency.S_MEASURE,
        saliency.IOU,
        saliency.AP,
        saliency.AUC,
    )
}
"""Every score by name, in the order in which files and tables list them."""


def scores(
    counts: Counts, bins: int = BINS, names: Iterable[str] = tuple(SCORES)
) -> dict[str, float]:
    """Compute the scores of a set.

    >>> import numpy as np
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> scores(counts, names=["accuracy", "iou"])
    {'accuracy': 0.75, 'iou': 0.5}

    Args:
        counts: joint histogram of the set.
        bins: number of bins of the scores that use bins.
        names: names of scores, from `SCORES`; all by default.

    Returns:
        The value of each score by name. Values lie in [0, 1], except "nll" (nats per pixel), "gap"
        (in [-1, 1]), and "max_e" and "mean_e" (up to n / (n - 1) for images of n pixels). A value
        is NaN if the score is undefined (F without foreground) or if the counts lack the data that
        it needs (S without quadrants).
    """
    return {name: SCORES[name].value(counts, bins) for name in names}


def visible_scores(where: Visibility) -> list[Score]:
    """Return the scores that are displayed at a place.

    >>> [score.name for score in visible_scores(Visibility.MAIN)]
    ['ece', 'oe', 'gap', 'accuracy']
    """
    return [score for score in SCORES.values() if score.visibility >= where]
