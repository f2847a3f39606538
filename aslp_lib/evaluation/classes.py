"""Scores of each of K classes against the rest, which their means do not show."""

import math
from collections.abc import Mapping

from aslp_lib.metrics import ALL_SCORES
from aslp_lib.metrics.bootstrap import Interval, Resamples
from aslp_lib.metrics.calibration import BINS, class_iou, ece, image_bins
from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.metrics.noise_floor import ece_bounds, noise_floor

COLUMNS = {
    "share": ("share of pixels %", "accuracy"),
    "gap": ("prob - freq %", "gap"),
    "ece": ("ECE %", "ece"),
    "ece_floor": ("noise floor %", "ece_floor"),
    "iou": ("IoU", "mean_iou"),
}
"""Score of a class -> its title in tables, and the score whose format it has."""
NOTE = (
    "Each class against the rest: its share of the pixels, the mean of its probability minus this "
    "share, its ECE, and its intersection over union in pooled pixels."
)
"""Explanation of the columns."""


def class_scores(counts: ClassCounts, bins: int = BINS) -> list[dict[str, float]]:
    """Compute the scores of each class against the rest.

    >>> import torch
    >>> probabilities = torch.tensor([[[0.7, 0.2], [0.2, 0.2], [0.1, 0.6]]])  # two pixels
    >>> counts = ClassCounts.from_probabilities(probabilities, torch.tensor([[0, 1]]))
    >>> scores = class_scores(counts)[1]  # probability 0.2, and one of two pixels
    >>> [round(scores[name], 2) for name in ("share", "gap", "ece", "iou")]
    [0.5, -0.3, 0.3, 0.0]

    Args:
        counts: counts of the set.
        bins: number of bins of equal width.

    Returns:
        For each class the entries of `COLUMNS`, and the ends of the 95 % interval of the ECE over
        images, "ece_low" and "ece_high". They are NaN with a single image or group.
    """
    draws = Resamples(counts).draws if counts.independent > 1 else None
    rows = []
    for number, iou in enumerate(class_iou(counts)):
        sums = image_bins(counts, bins, number)
        pixels, confidence, positive = (float(part.sum()) for part in sums)
        low, high = (math.nan, math.nan) if draws is None else ece_bounds(sums, draws)
        rows.append(
            {
                "share": positive / pixels,
                "gap": (confidence - positive) / pixels,
                "ece": ece(counts, bins, number),
                "ece_low": low,
                "ece_high": high,
                "ece_floor": noise_floor(counts, bins, number),
                "iou": float(iou),
            }
        )
    return rows


def cells(scores: Mapping[str, float], intervals: bool = False) -> list[str]:
    """Format the scores of a class for tables, with the interval of the ECE if it is asked for."""
    texts = {name: ALL_SCORES[like].text(scores[name]) for name, (_, like) in COLUMNS.items()}
    if intervals:
        ece_interval = Interval(scores["ece"], scores["ece_low"], scores["ece_high"])
        texts["ece"] = ece_interval.text(ALL_SCORES["ece"])
    return list(texts.values())
