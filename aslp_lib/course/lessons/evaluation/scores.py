"""Two networks, compared by several scores on the same resamples, and intervals as text."""

from collections.abc import Callable

import numpy as np
from scipy import stats

from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.course.lessons.evaluation.fields import by_field
from aslp_lib.metrics import calibration
from aslp_lib.metrics.bootstrap import Interval, middle
from aslp_lib.metrics.counts import Counts

MISSES = (10, 15)
"""Costs of a miss, where a check costs 1."""


def by_five_scores(first: Counts, second: Counts, times: np.ndarray) -> dict[str, Interval]:
    """Compare two networks by ECE, Brier score, NLL and bills at two costs.

    Args:
        first, second: counts of the networks on the same images.
        times: how often each resample draws each field, (resamples, fields).

    Returns:
        Score -> mean difference over the resamples, first minus second, in % of the second's mean
        score, and its 95 % interval over fields.
    """
    scores = zip(_resampled(first, times).items(), _resampled(second, times).values(), strict=True)
    changes = {name: 100 * (one - other) / other.mean() for (name, one), other in scores}
    return {
        name: Interval(float(x.mean()), *over_units(x, times.shape[1]))
        for name, x in changes.items()
    }


def half_over_pixels(counts: Counts, miss: float = 10) -> float:
    """Return half the width of the bill's 95 % interval if all pixels were independent.

    Args:
        miss: cost of a missed pixel; a checked one costs 1.

    Returns:
        The half width, for the bill of 100 pixels.
    """
    of_pixel = bill(counts, miss)
    missed = (of_pixel.paid - of_pixel.checked) / miss
    variance = of_pixel.checked + miss**2 * missed - of_pixel.paid**2
    return float(1.96 * 100 * np.sqrt(variance / counts.pixels))


def over_units(scores: np.ndarray, units: int = 10) -> np.ndarray:
    """Return the ends of a 95 % interval over few units, such as fields of view.

    The middle 95 % of the resamples is too narrow, for ten units by a fifth: the bootstrap divides
    by 10 where a variance needs 9 (5 %), and the standard error is itself estimated, so Student's
    quantile is needed, 2.26 instead of 1.96 (15 %).

    Args:
        scores: a score, or a difference of scores, of each bootstrap resample.
        units: number of units in a resample.
    """
    student = stats.t.ppf(0.975, units - 1) / stats.norm.ppf(0.975)
    half = np.sqrt(units / (units - 1)) * student * np.ptp(middle(scores)) / 2
    return np.mean(scores) + half * np.array([-1, 1])


def span(low: float, high: float, form: str = "+z.1f") -> str:
    """Format an interval; a difference with signs.

    >>> span(-1.23, 3.04), span(4.42, 6.7, ".1f")
    ('−1.2 to +3.0', '4.4 to 6.7')
    """
    return f"{low:{form}} to {high:{form}}".replace("-", "−")


def _resampled(counts: Counts, times: np.ndarray) -> dict[str, np.ndarray]:
    """Compute five scores of each resample."""
    pixels, error = by_field(counts)
    total = times @ pixels.sum(axis=1)

    def mean(score: Callable[[Counts], float]) -> np.ndarray:
        fields = [score(counts[counts.group_index == k]) for k in range(len(pixels))]
        return times @ (pixels.sum(axis=1) * fields) / total

    scores = {
        "ECE": abs(times @ error).sum(axis=1) / total,
        "Brier score": mean(calibration.brier),
        "NLL": mean(calibration.nll),
    }
    return scores | {f"bill, a miss costs {miss}": mean(_paid(miss)) for miss in MISSES}


def _paid(miss: float) -> Callable[[Counts], float]:
    return lambda counts: bill(counts, miss).paid
