"""Calibration and saliency metrics of dense binary maps, all read from one joint histogram."""

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
"""Every score by its name, in the order of files and tables."""


def scores(
    counts: Counts, bins: int = BINS, names: Iterable[str] = tuple(SCORES)
) -> dict[str, float]:
    """Scores of a set by name: every one, unless some are named.

    >>> import numpy as np
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> scores(counts, names=["accuracy"])
    {'accuracy': 0.75}

    Shares in [0, 1], but nll in nats a pixel and gap in [-1, 1]; NaN where a score is not defined
    (F without foreground) or the counts lack what it needs (S without quadrants).
    """
    return {name: SCORES[name].value(counts, bins) for name in names}


def visible_scores(where: Visibility) -> list[Score]:
    """The scores that are shown there."""
    return [score for score in SCORES.values() if score.visibility >= where]
