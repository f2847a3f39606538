"""What a score of a set is: a function of its counts, and one record, read by all who show it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass
from enum import IntEnum
from functools import partial
from typing import Literal

import numpy as np

from aslp_lib.metrics.counts import Counts

ScoreFunction = Callable[[Counts], float]
"""A function of the pooled pixels (every one in `calibration`), or an `ImageMean`."""


class Visibility(IntEnum):
    """Where a score is shown: there, and in all that stands before it."""

    FILES = 0
    """JSON and CSV, which hold every score."""
    TABLES = 1
    """Markdown, LaTeX and reports."""
    TERMINAL = 2
    """The narrow table of a terminal."""
    MAIN = 3
    """With its interval over images, in a run's JSON and among a report's differences."""


@dataclass(frozen=True)
class Score:
    """All that there is to know of a score; it stands in its metric's file, beside its function.

    Args:
        name: in JSON, CSV and Python.
        function: counts -> the score; with a number of `bins` where `takes_bins`.
        title: in tables.
        unit: "%": a share, which tables show times 100; "nats"; "": as it is.
        better: which of two values is, "less", "more" or nearer to "zero".
        needs: the part of `Counts`, beside its table, that it reads; without it there is no score.
        visibility: where.
    """

    name: str
    function: Callable[..., float]
    title: str
    _: KW_ONLY
    unit: Literal["%", "nats", ""] = ""
    better: Literal["less", "more", "zero"]
    needs: Literal["quadrants", "weighted_f"] | None = None
    takes_bins: bool = False
    visibility: Visibility = Visibility.FILES

    def with_bins(self, bins: int) -> ScoreFunction:
        """The function, of so many bins if it has bins."""
        return partial(self.function, bins=bins) if self.takes_bins else self.function

    def value(self, counts: Counts, bins: int) -> float:
        """The score of a set; NaN if it has none, or if the counts lack what the score needs."""
        if self.needs is not None and getattr(counts, self.needs) is None:
            return math.nan
        return self.with_bins(bins)(counts)

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} {self.unit}".rstrip()

    def text(self, value: float, sign: Literal["", "+"] = "") -> str:
        """The number as tables show it, no zero with a minus; a dash where there is none."""
        if not math.isfinite(value):
            return "-"
        return f"{100 * value:{sign}z.2f}" if self.unit == "%" else f"{value:{sign}z.3f}"

    def best(self, values: Iterable[float]) -> float:
        """The best of several values; NaN if none is defined."""
        defined = [value for value in values if math.isfinite(value)]
        sign = 1 if self.better == "more" else -1
        return max(defined, key=lambda value: sign * abs(value), default=math.nan)


@dataclass(frozen=True)
class ImageMean:
    """A score that averages over images: a value of each, or a curve of each, then one number.

    Args:
        values: counts -> (images,), (images, points) or (images, curves, points); NaN where an
            image has no such value.
        reduce: the mean curve or curves, flat or not -> the score; None where `values` are no
            curves.
        meaning: what the score is, in words.
    """

    values: Callable[[Counts], np.ndarray]
    reduce: Callable[[np.ndarray], np.ndarray | float] | None
    meaning: str

    def __call__(self, counts: Counts) -> float:
        """The set's score; NaN if no image has a value."""
        return self.of_means(self.mean(counts))

    def mean(self, counts: Counts) -> np.ndarray:
        """The mean value or curve over the images that have one."""
        values = self.values(counts)
        defined = values[~np.isnan(values.reshape(len(values), -1)[:, 0])]
        return defined.mean(axis=0) if len(defined) else np.full(values.shape[1:], np.nan)

    def of_means(self, mean: np.ndarray) -> float:
        return float(mean if self.reduce is None else self.reduce(mean))


def per_image(counts: Counts, score: ScoreFunction) -> np.ndarray:
    """(images,) the score of each image alone; NaN where it has none."""
    if isinstance(score, ImageMean) and score.reduce is None:
        return score.values(counts)
    return np.array([score(counts[i : i + 1]) for i in range(len(counts))])
