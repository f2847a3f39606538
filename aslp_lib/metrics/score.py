"""Scores as functions of counts, and the records that tables, files and reports read."""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from enum import IntEnum
from functools import partial
from typing import Any, Literal

import numpy as np

from aslp_lib.metrics.calibration import BINS, ImageBins, image_bins
from aslp_lib.metrics.classes import AnyCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.top_label import Of

ScoreFunction = Callable[[Any], float]
"""A function from counts to a score: of pooled pixels (as in `calibration`), an `ImageMean`, or a
score `OfBins`."""


class Visibility(IntEnum):
    """Places where a score is displayed: the given one and all lower ones.

    >>> Visibility.MAIN >= Visibility.TABLES  # the main scores are in all tables
    True
    """

    FILES = 0
    """JSON and CSV files, which contain every score."""
    TABLES = 1
    """Markdown and LaTeX tables, reports, and intervals in a run's files."""
    MAIN = 2
    """The table in the terminal and the first table of a report."""
    COMPARED = 3
    """The tables of `MAIN`, with a further column of differences from the first method."""


@dataclass(frozen=True)
class Score:
    """Record of a score: its function, its name and how it is displayed.

    >>> from aslp_lib.metrics import SCORES
    >>> SCORES["ece"].heading, SCORES["ece"].text(0.125)
    ('ECE %', '12.50')

    Args:
        name: name in JSON, CSV and Python.
        function: function from counts (and `bins`, if `takes_bins`) to the score.
        title: title in tables.
        unit: "%" for a share, which tables multiply by 100; "nats"; or "" for no unit.
        better: preferred values: "less", "more" or nearer to "zero"; None for a property of the
            set of images, which has no best value and no interval.
        needs: column of `Counts` without which the score is NaN.
        takes_bins: True if the function has the argument `bins`.
        visibility: places where the score is displayed.
        bounds: function from the sums over bins of the images, and the draws of their resamples, to
            the ends of the score's 95 % interval, which accounts for its noise floor; None for the
            percentile interval.
        digits: number of digits after the decimal point in tables; None for 2 of a percentage and 3
            of any other score.
    """

    name: str
    function: Callable[..., float]
    title: str
    _: KW_ONLY
    unit: Literal["%", "nats", ""] = ""
    better: Literal["less", "more", "zero"] | None
    needs: str | None = None
    takes_bins: bool = False
    visibility: Visibility = Visibility.FILES
    bounds: Callable[[ImageBins, np.ndarray], tuple[float, float]] | None = None
    digits: int | None = None

    def with_bins(self, bins: int) -> ScoreFunction:
        """Return the score as a function of counts alone, with a fixed number of bins.

        >>> from aslp_lib.metrics import SCORES
        >>> counts = Counts.from_map(np.uint8([[255, 204]]), np.uint8([[1, 0]]))
        >>> print(f"{SCORES['ece'].with_bins(1)(counts):.2f}")  # confidence 0.9, accuracy 0.5
        0.40
        """
        if isinstance(self.function, OfBins):
            return replace(self.function, bins=bins)
        return partial(self.function, bins=bins) if self.takes_bins else self.function

    def value(self, counts: AnyCounts, bins: int) -> float:
        """Compute the score of a set.

        >>> from aslp_lib.metrics import SCORES
        >>> counts = Counts.from_map(np.uint8([[255, 204]]), np.uint8([[1, 0]]))
        >>> SCORES["accuracy"].value(counts, bins=10)
        0.5

        Returns:
            The score; NaN if it is undefined, or if the counts lack the column that it needs.
        """
        if self.needs is not None and self.needs not in counts.columns:
            return math.nan
        return self.with_bins(bins)(counts)

    @property
    def of(self) -> Of:
        """Definition of confidence and outcome that the score is of."""
        return self.function.of if isinstance(self.function, OfBins) else "prediction"

    @property
    def heading(self) -> str:
        """Title and unit, for tables."""
        return f"{self.title} {self.unit}".rstrip()

    def text(self, value: float, sign: Literal["", "+"] = "") -> str:
        """Format a value for tables; a dash if it is NaN or infinite, and a zero without a sign.

        Args:
            value: value of the score.
            sign: "+" to mark positive values.
        """
        if not math.isfinite(value):
            return "-"
        factor, digits = (100, 2) if self.unit == "%" else (1, 3)
        text = f"{factor * value:{sign}.{digits if self.digits is None else self.digits}f}"
        return text if float(text) else text.lstrip("+-")

    def interval_text(self, low: float, high: float, sign: Literal["", "+"] = "") -> str:
        """Format an interval for tables.

        An interval that accounts for a noise floor (`bounds`) and begins at 0 is an upper bound.

        >>> from aslp_lib.metrics import SCORES
        >>> SCORES["ece"].interval_text(0.05, 0.15), SCORES["ece"].interval_text(0, 0.02)
        ('[5.00, 15.00]', '[≤ 2.00]')
        >>> SCORES["dice"].interval_text(0, 0.35)
        '[0.000, 0.350]'

        Args:
            low, high: ends of the interval.
            sign: "+" for an interval of a difference.
        """
        if low == 0 and not sign and self.bounds is not None:
            return f"[≤ {self.text(high)}]"
        return f"[{self.text(low, sign)}, {self.text(high, sign)}]"

    def cost(self, values: Any) -> Any:
        """Transform a number, an array or a column of values such that lower ones are better.

        >>> from aslp_lib.metrics import SCORES
        >>> SCORES["ece"].cost(0.1), SCORES["accuracy"].cost(0.9), SCORES["gap"].cost(-0.1)
        (0.1, -0.9, 0.1)
        """
        return (
            abs(values) if self.better == "zero" else -values if self.better == "more" else values
        )


@dataclass(frozen=True)
class OfBins:
    """Score that is computed from sums over bins, which are resampled instead of the counts.

    >>> from aslp_lib.metrics.calibration import ece_of_bins
    >>> counts = Counts.from_map(np.uint8([[255, 204]]), np.uint8([[1, 0]]))
    >>> print(f"{OfBins(ece_of_bins, of='prediction')(counts):.2f}")  # |0.8 - 0| / 2
    0.40

    Args:
        reduce: function from the sums over bins, (..., bins), to the score, (...).
        of: definition of confidence and outcome, see `calibration.image_bins`.
        bins: number of bins.
    """

    reduce: Callable[[ImageBins], np.ndarray]
    of: Of
    bins: int = BINS

    def __call__(self, counts: AnyCounts) -> float:
        """Compute the score of a set."""
        return float(self.resampled(counts, np.ones((1, len(counts))))[0])

    def resampled(self, counts: AnyCounts, draws: np.ndarray) -> np.ndarray:
        """Compute the score of resamples, (R,), from the multiplicities of the images, (R, N)."""
        sums = image_bins(counts, self.bins, self.of)
        return self.reduce(ImageBins(*(draws @ part for part in sums)))


@dataclass(frozen=True)
class ImageMean:
    """Score that is the mean of a value over images, or that reduces the mean of a curve.

    >>> foreground = ImageMean(lambda counts: counts.table[:, 1].sum(axis=1))
    >>> maps, masks = [np.uint8([[255, 0]])] * 2, [np.uint8([[1, 0]]), np.uint8([[1, 1]])]
    >>> foreground(Counts.from_maps(maps, masks))  # 1 and 2 pixels
    1.5

    Args:
        values: function from counts to values (images,) or curves (images, points) or
            (images, curves, points). Entries of an image are NaN if its value is undefined.
        reduce: function from the mean curve or curves, possibly flattened, to the score; None if
            `values` returns no curves.
    """

    values: Callable[[Any], np.ndarray]
    reduce: Callable[[np.ndarray], np.ndarray | float] | None = None

    def __call__(self, counts: Counts) -> float:
        """Compute the score of a set; NaN if it is undefined for all images."""
        return self._of_mean(self.mean(counts))

    def mean(self, counts: Counts) -> np.ndarray:
        """Compute the mean value or curve over the images for which it is defined."""
        means = counts.image_means
        if self.values not in means:
            values = self.values(counts)
            defined = values[~np.isnan(values.reshape(len(values), -1)[:, 0])]
            undefined = np.full(values.shape[1:], np.nan)
            means[self.values] = defined.mean(axis=0) if len(defined) else undefined
        return means[self.values]

    def resampled(self, counts: AnyCounts, draws: np.ndarray) -> np.ndarray:
        """Compute the score of resamples, (R,), from the multiplicities of the images, (R, N)."""
        values = self.values(counts).reshape(len(counts), -1)
        defined = ~np.isnan(values[:, 0])
        # The score of a resample is NaN if no image in it has a value.
        with np.errstate(invalid="ignore"):
            means = draws[:, defined] @ values[defined] / (draws @ defined[:, None])
        return np.array([self._of_mean(mean if self.reduce else mean[0]) for mean in means])

    def _of_mean(self, mean: np.ndarray) -> float:
        return float(mean if self.reduce is None else self.reduce(mean))


def per_image(counts: Counts, score: ScoreFunction) -> np.ndarray:
    """Compute the score of each image, shape (images,); NaN where it is undefined.

    >>> from aslp_lib.metrics.calibration import accuracy
    >>> maps, masks = [np.uint8([[255, 0]])] * 2, [np.uint8([[1, 0]]), np.uint8([[1, 1]])]
    >>> per_image(Counts.from_maps(maps, masks), accuracy)
    array([1. , 0.5])
    """
    if isinstance(score, ImageMean) and score.reduce is None:
        return score.values(counts)
    return np.array([score(counts[i : i + 1]) for i in range(len(counts))])
