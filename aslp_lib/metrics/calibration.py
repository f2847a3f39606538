"""Calibration of dense binary maps, pooled over all pixels of a set.

Two readings of "confidence", chosen by `of`:

- "prediction" (default): a pixel's confidence is that of its predicted class, `max(p, 1 - p)`, and
  its outcome is whether that class is the label; mean outcome is accuracy.
- "foreground": confidence is `p = P(y = 1)`, the outcome the label, its mean the frequency of
  foreground.

Bins of equal width cover [0, 1], `(low, high]`; a grey level's bin is found in integers, so that
rounding puts none on the wrong side of an edge. Bins of equal mass hold equally many pixels; a grey
level that spans an edge is shared by count. Values are shares in [0, 1] unless a docstring says
otherwise. Write w_k, conf_k, acc_k for a bin's share of pixels, mean confidence and mean outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal, NamedTuple

import numpy as np

from aslp_lib.metrics.counts import MAP_GREY_LEVELS, Counts
from aslp_lib.metrics.score import Score, Visibility

BINS = 10
Of = Literal["prediction", "foreground"]


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram's numbers, one entry a bin (empty bins: NaN means).

    Args:
        edges: (bins + 1,) confidence.
        pixels: (bins,) how many; not whole where a grey level is shared between equal-mass bins.
        confidence: (bins,) mean confidence of the bin's pixels.
        accuracy: (bins,) their mean outcome.
    """

    edges: np.ndarray
    pixels: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """(bins,) share of all pixels."""
        return self.pixels / self.pixels.sum()

    @property
    def gap(self) -> np.ndarray:
        """(bins,) confidence less accuracy; 0 in an empty bin."""
        return np.nan_to_num(self.confidence - self.accuracy)


def reliability(counts: Counts, bins: int = BINS, of: Of = "prediction") -> Reliability:
    """Pixels, mean confidence and mean outcome of each bin of equal width.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> reliability(counts, bins=5).accuracy  # none is less than 0.6 sure
    array([nan, nan, nan, 0.5, 1. ])
    """
    found = forecast(counts, of)
    which = _bins(counts, len(found.confidence), bins)
    pixels = np.bincount(which, found.pixels, minlength=bins)
    sure = np.bincount(which, found.pixels * found.confidence, minlength=bins)
    positive = np.bincount(which, found.positive, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Reliability(np.arange(bins + 1) / bins, pixels, sure / pixels, positive / pixels)


class ImageBins(NamedTuple):
    """What `reliability` adds up, of each image by itself; (images, bins) each."""

    pixels: np.ndarray
    confidence: np.ndarray  # summed over the pixels
    positive: np.ndarray


def image_bins(counts: Counts, bins: int = BINS, of: Of = "prediction") -> ImageBins:
    """Each image's pixels, confidence and positive outcomes in bins of equal width."""
    found = _forecast(counts.table, of)
    which = _bins(counts, len(found.confidence), bins)
    into = (which[:, None] == np.arange(bins)).astype(np.float64)
    pixels = found.pixels.astype(np.float64)
    return ImageBins(pixels @ into, pixels * found.confidence @ into, found.positive @ into)


def reliability_equal_mass(counts: Counts, bins: int = BINS, of: Of = "prediction") -> Reliability:
    """The same for bins that hold equally many pixels each."""
    check_bins(bins, counts.grey_levels)
    ladder = _Ladder.of(counts, of)
    sure, right = ladder.means(bins)
    upper = np.searchsorted(ladder.mass[1:], ladder.ranks(bins))
    edges = ladder.confidence[np.minimum(upper, len(ladder.confidence) - 1)]
    return Reliability(edges, np.full(bins, ladder.mass[-1] / bins), sure, right)


def ece(counts: Counts, bins: int = BINS, of: Of = "prediction") -> float:
    """Expected calibration error, `sum_k w_k * |acc_k - conf_k|` (Naeini et al., AAAI 2015).

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{ece(counts):.2f}")  # half of the pixels are 0.8 sure, and half of these right
    0.15
    """
    return _ece(reliability(counts, bins, of))


def ece_equal_mass(counts: Counts, bins: int = BINS, of: Of = "prediction") -> float:
    """ECE over bins of equal mass (Nguyen & O'Connor, EMNLP 2015)."""
    return _ece(reliability_equal_mass(counts, bins, of))


def ece_sweep(counts: Counts, of: Of = "prediction") -> float:
    """ECE over as many equal-mass bins as keep accuracy monotone (Roelofs et al., AISTATS 2022)."""
    return ece_equal_mass(counts, sweep_bins(counts, of), of)


def sweep_bins(counts: Counts, of: Of = "prediction") -> int:
    """How many bins the sweep takes.

    Bins are added one by one until accuracy falls from one bin to the next; beyond one bin a grey
    level nothing new can be seen.
    """
    ladder = _Ladder.of(counts, of)
    most, first = len(ladder.confidence), 2
    while first <= most:
        # Several numbers of bins at once; twice as many each time, since most sweeps end early.
        last = min(first + min(first, 64), most + 1)
        bins, edge = _edges(first, last)
        sums = np.interp(ladder.mass[-1] * edge / bins, ladder.mass, ladder.right)
        right = np.diff(sums) / (ladder.mass[-1] / bins[1:])
        # Rounding within a shared grey level is no fall; nor is what lies across two numbers.
        falls = (np.diff(right) < -1e-12) & (edge[2:] > 1)
        if falls.any():
            return int(bins[2:][falls][0]) - 1
        first = last
    return most


def squared_error_debiased(counts: Counts, bins: int = BINS, of: Of = "prediction") -> float:
    """Squared calibration error less its expected excess: unbiased, so it may be negative.

    `sum_k w_k * ((acc_k - conf_k)^2 - acc_k * (1 - acc_k) / (n_k - 1))` over bins of equal width
    (Broecker 2012; Kumar et al., NeurIPS 2019); a bin with one pixel has no estimate of its
    variance and keeps its squared gap. It takes pixels for independent: on real maps, where they
    are not, the excess is larger than what it subtracts.
    """
    table = reliability(counts, bins, of)
    accuracy = np.nan_to_num(table.accuracy)
    excess = np.divide(
        accuracy * (1 - accuracy),
        table.pixels - 1,
        out=np.zeros(bins),
        where=table.pixels > 1,
    )
    return float(np.sum(table.share * (table.gap**2 - excess)))


def ece_debiased(counts: Counts, bins: int = BINS, of: Of = "prediction") -> float:
    """Root of the debiased squared error, 0 where that is negative (Kumar et al., NeurIPS 2019)."""
    return float(np.sqrt(max(squared_error_debiased(counts, bins, of), 0.0)))


def oe(counts: Counts, bins: int = BINS, of: Of = "prediction") -> float:
    """Over-confidence error, `sum_k w_k * conf_k * max(conf_k - acc_k, 0)`.

    Source: Thulasidasan et al., NeurIPS 2019, as the paper's release computes it.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{oe(counts):.2f}")  # 0.5 * 0.8 * 0.3
    0.12
    """
    table = reliability(counts, bins, of)
    weight = table.share * np.nan_to_num(table.confidence)
    return float(np.sum(weight * np.maximum(table.gap, 0)))


def mce(counts: Counts, bins: int = BINS, of: Of = "prediction") -> float:
    """Maximum calibration error, `max_k |acc_k - conf_k|` over bins with pixels (Naeini, 2015)."""
    return float(np.abs(reliability(counts, bins, of).gap).max())


def ks(counts: Counts, of: Of = "prediction") -> float:
    """Kolmogorov-Smirnov calibration error (Gupta et al., ICLR 2021): no bins.

    Largest distance between the running sums of confidence and outcome, least sure pixels first,
    over the number of pixels.
    """
    found = forecast(counts, of)
    surplus = np.cumsum(found.pixels * found.confidence - found.positive)
    return float(np.abs(surplus).max() / found.pixels.sum())


def accuracy(counts: Counts) -> float:
    """Share of pixels whose predicted class is the label."""
    found = forecast(counts, "prediction")
    return float(np.sum(found.positive) / np.sum(found.pixels))


def confidence(counts: Counts) -> float:
    """Mean confidence, `mean(max(p, 1 - p))`."""
    found = forecast(counts, "prediction")
    return float(found.confidence @ found.pixels / found.pixels.sum())


def gap(counts: Counts) -> float:
    """Signed gap, mean confidence less accuracy, in [-1, 1]: positive is over-confident."""
    return confidence(counts) - accuracy(counts)


def brier(counts: Counts) -> float:
    """Brier score, `mean((p - y)^2)` (Brier, 1950)."""
    background, foreground = counts.pooled
    p = counts.probabilities
    return float((background @ p**2 + foreground @ (1 - p) ** 2) / counts.pixels)


class BrierParts(NamedTuple):
    """`brier = reliability - resolution + uncertainty`."""

    reliability: float
    resolution: float
    uncertainty: float


def brier_parts(counts: Counts) -> BrierParts:
    """Murphy's decomposition (1973), exact: each grey level is a bin of its own.

    With w_v, y_v the share and foreground frequency of grey level v, and y that of the whole set:
    `sum_v w_v (p_v - y_v)^2`, `sum_v w_v (y_v - y)^2` and `y (1 - y)`.
    """
    found = forecast(counts, "foreground")
    full = found.pixels > 0
    p, positive, pixels = (column[full] for column in found)
    share, frequency = pixels / pixels.sum(), positive / pixels
    base = np.sum(positive) / np.sum(pixels)
    return BrierParts(
        reliability=float(share @ (p - frequency) ** 2),
        resolution=float(share @ (frequency - base) ** 2),
        uncertainty=float(base * (1 - base)),
    )


def nll(counts: Counts) -> float:
    """Negative log-likelihood in nats per pixel.

    0 and 1 are clipped at half a grey level: rounded maps cannot tell certain from nearly certain.
    """
    half = 0.5 / (counts.grey_levels - 1)
    p = np.clip(counts.probabilities, half, 1 - half)
    background, foreground = counts.pooled
    return float(-(background @ np.log1p(-p) + foreground @ np.log(p)) / counts.pixels)


_error = partial(Score, unit="%", better="less")
ECE = _error("ece", ece, "ECE", takes_bins=True, visibility=Visibility.MAIN)
ECE_EQUAL_MASS = _error("ece_equal_mass", ece_equal_mass, "ECE, equal mass", takes_bins=True)
ECE_DEBIASED = _error("ece_debiased", ece_debiased, "ECE, debiased", takes_bins=True)
OE = _error("oe", oe, "OE", takes_bins=True, visibility=Visibility.MAIN)
MCE = _error("mce", mce, "MCE", takes_bins=True)
ECE_SWEEP = _error("ece_sweep", ece_sweep, "ECE, sweep")
KS = _error("ks", ks, "KS")
GAP = Score("gap", gap, "conf - acc", unit="%", better="zero", visibility=Visibility.MAIN)
ACCURACY = Score(
    "accuracy", accuracy, "accuracy", unit="%", better="more", visibility=Visibility.MAIN
)
CONFIDENCE = Score("confidence", confidence, "confidence", unit="%", better="more")
BRIER = _error("brier", brier, "Brier", visibility=Visibility.TABLES)
NLL = Score("nll", nll, "NLL", unit="nats", better="less", visibility=Visibility.TABLES)


class Forecast(NamedTuple):
    """Confidence of each grey level, least first; its pixels' positive outcomes; its pixels."""

    confidence: np.ndarray
    positive: np.ndarray
    pixels: np.ndarray


def forecast(counts: Counts, of: Of) -> Forecast:
    """The pooled pixels by confidence. Raises ValueError on a set without pixels."""
    pooled = counts.pooled
    if pooled.sum() == 0:
        raise ValueError("there is nothing to measure: the set has no pixels")
    return _forecast(pooled, of)


def _forecast(table: np.ndarray, of: Of) -> Forecast:
    """Of joint histograms, (..., 2, grey_levels)."""
    background, foreground = np.moveaxis(table, -2, 0)
    grey_levels = table.shape[-1]
    p = np.arange(grey_levels) / (grey_levels - 1)
    if of == "foreground":
        return Forecast(p, foreground, background + foreground)
    if of != "prediction":
        raise ValueError(f"of is {of!r}, but must be 'prediction' or 'foreground'")
    half = grey_levels // 2
    correct = foreground[..., half:] + background[..., :half][..., ::-1]
    wrong = background[..., half:] + foreground[..., :half][..., ::-1]
    return Forecast(p[half:], correct, correct + wrong)


def _bins(counts: Counts, confidences: int, bins: int) -> np.ndarray:
    """(confidences,) the bin of each of the most certain grey levels."""
    check_bins(bins, counts.grey_levels)
    # A confidence is an integer over grey_levels - 1; (low, high] is then a ceiling division.
    top = counts.grey_levels - 1
    numerator = np.arange(counts.grey_levels - confidences, counts.grey_levels)
    return np.maximum((numerator * bins + top - 1) // top - 1, 0)


class _Ladder(NamedTuple):
    """Pixels in the order of their confidence, as running sums over the grey levels with any."""

    confidence: np.ndarray  # of each grey level
    mass: np.ndarray  # (as many + 1,) pixels below each, and all
    sure: np.ndarray  # the same of confidence
    right: np.ndarray  # and of positive outcomes

    @classmethod
    def of(cls, counts: Counts, of: Of) -> _Ladder:
        found = forecast(counts, of)
        confidence, positive, pixels = (column[found.pixels > 0] for column in found)
        sums = np.zeros((3, len(pixels) + 1))
        np.cumsum([pixels, pixels * confidence, positive], axis=1, out=sums[:, 1:])
        return cls(confidence, *sums)

    def ranks(self, bins: int) -> np.ndarray:
        """(bins + 1,) how many pixels lie below each edge of bins of equal mass."""
        return self.mass[-1] * np.arange(bins + 1) / bins

    def means(self, bins: int) -> tuple[np.ndarray, np.ndarray]:
        """(bins,) mean confidence and outcome of bins of equal mass."""
        edges, size = self.ranks(bins), self.mass[-1] / bins
        # Sums up to a pixel's rank are linear within a grey level: that is the sharing.
        sums = (np.interp(edges, self.mass, column) for column in (self.sure, self.right))
        sure, right = (np.diff(column) / size for column in sums)
        return sure, right


@lru_cache(maxsize=16)
def _edges(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Of `first` to `last - 1` bins, one after another, all edges: of how many bins, and which."""
    numbers = np.arange(first, last)
    return np.repeat(numbers, numbers + 1), np.concatenate([np.arange(n + 1) for n in numbers])


def _ece(table: Reliability) -> float:
    return float(np.sum(table.share * np.abs(table.gap)))


def check_bins(bins: int, grey_levels: int = MAP_GREY_LEVELS) -> None:
    """Raise ValueError unless that many bins of maps, or of finer counts, can be told apart."""
    most = max(grey_levels, MAP_GREY_LEVELS)
    if not 1 <= bins <= most:
        raise ValueError(
            f"bins is {bins}, but must be 1 to {most}: there are {grey_levels} grey levels, and "
            "more bins would only be empty"
        )
