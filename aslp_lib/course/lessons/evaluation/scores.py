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


def by_unit(counts: Counts, times: np.ndarray, miss: float = 10) -> dict[str, list[float]]:
    """Compute the bill's 95 % interval over pixels, over crops and over fields.

    Args:
        counts: counts of crops, with their fields.
        times: how often each resample draws each field, (resamples, fields).
        miss: cost of a missed pixel; a checked one costs 1.

    Returns:
        Number and name of the units -> lower and upper end, and width, for the bill of 100 pixels.
    """

    def paid(part: Counts) -> float:
        return 100 * bill(part, miss).paid

    crops = len(counts)
    of_crops = counts.with_columns(groups=np.arange(crops))
    times_of_crops = np.random.default_rng(0).multinomial(crops, [1 / crops] * crops, len(times))
    intervals = {
        f"{counts.pixels:,} pixels": paid(counts)
        + half_over_pixels(counts, miss) * np.array([-1, 1]),
        f"{crops} crops": over_units(resampled(of_crops, times_of_crops, paid), crops),
        f"{times.shape[1]} fields": over_units(resampled(counts, times, paid), times.shape[1]),
    }
    return {name: [*ends, np.ptp(ends)] for name, ends in intervals.items()}


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


def resampled(counts: Counts, times: np.ndarray, score: Callable[[Counts], float]) -> np.ndarray:
    """Compute a score that is a mean over pixels, in each resample of fields.

    Args:
        counts: counts of crops, with their fields.
        times: how often each resample draws each field, (resamples, fields).
        score: function of the counts.
    """
    fields = [counts[counts.group_index == k] for k in range(times.shape[1])]
    pixels = np.array([field.pixels for field in fields])
    return times @ (pixels * [score(field) for field in fields]) / (times @ pixels)


def span(low: float, high: float, form: str = "+z.1f") -> str:
    """Format an interval; a difference with signs.

    >>> span(-1.23, 3.04), span(4.42, 6.7, ".1f")
    ('−1.2 to +3.0', '4.4 to 6.7')
    """
    return f"{low:{form}} to {high:{form}}".replace("-", "−")


def _resampled(counts: Counts, times: np.ndarray) -> dict[str, np.ndarray]:
    """Compute five scores of each resample."""
    pixels, error = by_field(counts)
    scores = {
        "ECE": abs(times @ error).sum(axis=1) / (times @ pixels.sum(axis=1)),
        "Brier score": resampled(counts, times, calibration.brier),
        "NLL": resampled(counts, times, calibration.nll),
    }
    bills = {f"bill, a miss costs {miss}": resampled(counts, times, _paid(miss)) for miss in MISSES}
    return scores | bills


def _paid(miss: float) -> Callable[[Counts], float]:
    return lambda counts: bill(counts, miss).paid
