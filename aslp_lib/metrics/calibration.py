"""Calibration of dense maps, pooled over all pixels of a set.

Scores take counts of two classes or of K. The argument `of` selects the definition of confidence
and outcome, see `top_label`.

Bins of equal width are intervals `(low, high]` that cover [0, 1]; the first one contains 0. Bins of
equal mass hold the same number of pixels. A grey level that spans an edge between them is split:
both bins receive a share of its pixels, with the same mean outcome. In the formulas, w_k, conf_k
and acc_k denote the share of pixels, the mean confidence and the mean outcome of bin k. Values lie
in [0, 1] unless stated otherwise.

Most examples use four pixels, of which one is foreground:

==========  ===  ===  ===  ===
p           1    0.8  0.2  0
label       1    0    0    0
confidence  1    0.8  0.8  1
outcome     1    0    1    1
==========  ===  ===  ===  ===
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aslp_lib.checks import require
from aslp_lib.metrics.classes import AnyCounts, ClassCounts
from aslp_lib.metrics.counts import MAP_GREY_LEVELS, Counts  # noqa: F401 - for the examples
from aslp_lib.metrics.top_label import Of, TopLabel, top_label

BINS = 10
"""Default number of bins."""


@dataclass(frozen=True)
class Reliability:
    """The numbers of a reliability diagram.

    >>> diagram = Reliability(np.array([0, 1]), np.array([4]), np.array([0.9]), np.array([0.75]))
    >>> diagram.share, diagram.gap.round(2)
    (array([1.]), array([0.15]))

    Args:
        edges: edges of the bins in units of confidence, shape (bins + 1,).
        pixels: number of pixels of each bin, shape (bins,). Bins of equal mass may hold a fraction
            of a grey level's pixels.
        confidence: mean confidence of each bin, shape (bins,); NaN if the bin is empty.
        accuracy: mean outcome of each bin, shape (bins,); NaN if the bin is empty.
        low, high: ends of an interval of each accuracy, shape (bins,), or None (see
            `bootstrap.reliability_tables`).
    """

    edges: np.ndarray
    pixels: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    @property
    def share(self) -> np.ndarray:
        """Share of all pixels in each bin, shape (bins,)."""
        return self.pixels / self.pixels.sum()

    @property
    def gap(self) -> np.ndarray:
        """Confidence minus accuracy of each bin, shape (bins,); 0 if the bin is empty."""
        gap = self.confidence - self.accuracy
        return np.where(np.isnan(gap), 0.0, gap)

    @property
    def over(self) -> float:
        """Part of the ECE that is overconfidence, `sum_k w_k * max(conf_k - acc_k, 0)`."""
        return float(self.share @ np.maximum(self.gap, 0))

    @property
    def under(self) -> float:
        """Part of the ECE that is underconfidence, `sum_k w_k * max(acc_k - conf_k, 0)`."""
        return float(self.share @ np.maximum(-self.gap, 0))


def reliability(counts: AnyCounts, bins: int = BINS, of: Of = "prediction") -> Reliability:
    """Compute the reliability diagram with bins of equal width.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> reliability(counts, bins=5).accuracy  # no pixel has a confidence of at most 0.6
    array([nan, nan, nan, 0.5, 1. ])

    Raises:
        ValueError: if the set has no pixels; see also `check_bins`.
    """
    outcomes = top_label(counts.as_one_image, of)
    index, pixels = _bins(outcomes, bins), outcomes.pixels
    sums = pixels * outcomes.confidence, outcomes.positive
    pixels = np.bincount(index, pixels, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = (np.bincount(index, column, minlength=bins) / pixels for column in sums)
        return Reliability(np.arange(bins + 1) / bins, pixels, *means)


class ImageBins(NamedTuple):
    """Sums over the bins of each image's reliability diagram, each of shape (images, bins)."""

    pixels: np.ndarray
    """Number of pixels."""
    confidence: np.ndarray
    """Sum of the pixels' confidences."""
    positive: np.ndarray
    """Sum of the pixels' outcomes."""


def image_bins(
    counts: AnyCounts, bins: int = BINS, of: Of = "prediction", *, equal_mass: bool = False
) -> ImageBins:
    """Compute the sums over bins for each image.

    Bins have equal width, or equal mass over all images. Of "classes", the bins of all K classes
    are side by side, and every pixel counts once for each class.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> image_bins(counts, bins=5).positive
    array([[0., 0., 0., 1., 2.]])
    """
    outcomes = top_label(counts, of)
    pixels, positive = outcomes.table.sum(axis=1).astype(np.float64), outcomes.table[:, 1]
    if equal_mass:  # the share of each grey level that lies in each bin
        check_bins(bins, counts.grey_levels)
        mass = pixels.sum(axis=0)
        upper = np.cumsum(mass)[:, None]
        ranks = _edge_ranks(upper[-1], bins)
        inside = np.minimum(upper, ranks[1:]) - np.maximum(upper - mass[:, None], ranks[:-1])
        shares = np.maximum(inside, 0) / np.where(mass > 0, mass, 1)[:, None]
    else:
        index = _bins(outcomes, bins)
        shares = (index[:, None] == np.arange(bins)).astype(np.float64)
    sums = pixels @ shares, pixels * outcomes.confidence @ shares, positive @ shares
    return ImageBins(*(columns.reshape(len(counts), -1) for columns in sums))


def reliability_equal_mass(
    counts: AnyCounts, bins: int = BINS, of: Of = "prediction"
) -> Reliability:
    """Compute the reliability diagram with bins of equal mass.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> reliability_equal_mass(counts, bins=2).accuracy  # two pixels in each bin
    array([0.5, 1. ])

    Raises:
        ValueError: if the set has no pixels; see also `check_bins`.
    """
    check_bins(bins, counts.grey_levels)
    grey_level_confidence, (pixels, *sums) = _running_sums(counts, of)
    ranks, size = _edge_ranks(pixels[-1], bins), pixels[-1] / bins
    edges = grey_level_confidence[np.searchsorted(pixels[1:], ranks)]
    # Linear interpolation splits a grey level that spans an edge.
    confidence, accuracy = (np.diff(np.interp(ranks, pixels, column)) / size for column in sums)
    return Reliability(edges, np.full(bins, size), confidence, accuracy)


def ece(counts: AnyCounts, bins: int = BINS, of: Of = "prediction") -> float:
    """Compute the expected calibration error, `sum_k w_k * |acc_k - conf_k|`.

    Source: Naeini et al., AAAI 2015; with the confidence of the predicted class as in Guo et al.,
    ICML 2017, section 2.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{ece(counts):.2f}")  # 0.5 * |0.5 - 0.8| + 0.5 * |1 - 1|
    0.15
    """
    return _ece(reliability(counts, bins, of))


def ece_of_bins(sums: ImageBins) -> np.ndarray:
    """Compute the ECE from sums over bins (..., bins), for all leading axes.

    If the bins of K classes lie side by side, it is the class-wise ECE, the mean over the classes.
    Source: Kull et al., NeurIPS 2019; Nixon et al., CVPR Workshops 2019 ("static").

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> ece_of_bins(image_bins(counts)).round(2)
    array([0.15])
    """
    error: np.ndarray = np.abs(sums.confidence - sums.positive).sum(axis=-1)
    return error / sums.pixels.sum(axis=-1)


def ece_equal_mass(counts: AnyCounts, bins: int = BINS, of: Of = "prediction") -> float:
    """Compute the ECE with bins of equal mass, `sum_k |acc_k - conf_k| / bins`.

    Source: Nguyen & O'Connor, EMNLP 2015.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{ece_equal_mass(counts, bins=2):.2f}")  # (|0.5 - 0.8| + |1 - 1|) / 2
    0.15
    """
    return _ece(reliability_equal_mass(counts, bins, of))


def ece_sweep(counts: AnyCounts, of: Of = "prediction") -> float:
    """Compute the ECE with as many equal-mass bins as keep the accuracy monotone (`sweep_bins`).

    Source: Roelofs et al., AISTATS 2022 ("ECE sweep").

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{ece_sweep(counts):.2f}")  # 2 bins
    0.15
    """
    return ece_equal_mass(counts, sweep_bins(counts, of), of)


def sweep_bins(counts: AnyCounts, of: Of = "prediction") -> int:
    """Compute the number of equal-mass bins that `ece_sweep` uses.

    The sweep stops before the first number of bins with which the accuracy falls from one bin to
    the next. It also stops at one bin per grey level, because more bins resolve no more.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> sweep_bins(counts)  # accuracies 0.5 and 1; the confidences have two values
    2
    """
    confidence, (pixels, _, positive) = _running_sums(counts, of)
    for bins in range(2, len(confidence) + 1):
        ranks = _edge_ranks(pixels[-1], bins)
        accuracy = np.diff(np.interp(ranks, pixels, positive)) / (pixels[-1] / bins)
        if (np.diff(accuracy) < -1e-12).any():  # a smaller fall is rounding in a split grey level
            return bins - 1
    return len(confidence)


def squared_error_debiased(counts: AnyCounts, bins: int = BINS, of: Of = "prediction") -> float:
    """Compute the debiased squared calibration error, which may be negative.

    `sum_k w_k * ((acc_k - conf_k)^2 - acc_k * (1 - acc_k) / (n_k - 1))` over bins of equal width,
    where n_k is the number of pixels of bin k. The subtracted term estimates the variance of acc_k,
    by which the plain squared error is too large on average. A bin with one pixel allows no such
    estimate, and nothing is subtracted.

    The estimator assumes independent pixels. In real maps neighbouring pixels are correlated, the
    variance of acc_k is larger, and part of the bias remains.

    Source: Broecker, Climate Dynamics 2012; Kumar et al., NeurIPS 2019.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{squared_error_debiased(counts):.2f}")  # 0.5 * (0.3^2 - 0.5 * 0.5 / (2 - 1))
    -0.08
    """
    diagram = reliability(counts, bins, of)
    accuracy, n = np.nan_to_num(diagram.accuracy), diagram.pixels
    variance = np.divide(accuracy * (1 - accuracy), n - 1, out=np.zeros(bins), where=n > 1)
    return float(np.sum(diagram.share * (diagram.gap**2 - variance)))


def ece_debiased(counts: AnyCounts, bins: int = BINS, of: Of = "prediction") -> float:
    """Compute the square root of `squared_error_debiased`, or 0 if that is negative.

    Source: Kumar et al., NeurIPS 2019.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> ece_debiased(counts)  # two pixels per bin are too few
    0.0
    >>> print(f"{ece_debiased(Counts(100 * counts.table)):.2f}")  # near sqrt(0.5 * 0.3^2)
    0.21
    """
    return float(np.sqrt(max(squared_error_debiased(counts, bins, of), 0.0)))


def oe(counts: AnyCounts, bins: int = BINS, of: Of = "prediction") -> float:
    """Compute the overconfidence error, `sum_k w_k * conf_k * max(conf_k - acc_k, 0)`.

    Source: Thulasidasan et al., NeurIPS 2019; the released code of ASLP uses the same formula.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{oe(counts):.2f}")  # 0.5 * 0.8 * (0.8 - 0.5)
    0.12
    """
    return float(oe_of_bins(image_bins(counts.as_one_image, bins, of))[0])


def oe_of_bins(sums: ImageBins) -> np.ndarray:
    """Compute the overconfidence error from sums over bins (..., bins), for all leading axes."""
    confidence = sums.confidence / np.where(sums.pixels > 0, sums.pixels, 1)
    over: np.ndarray = (confidence * np.maximum(sums.confidence - sums.positive, 0)).sum(axis=-1)
    return over / sums.pixels.sum(axis=-1)


def mce(counts: AnyCounts, bins: int = BINS, of: Of = "prediction") -> float:
    """Compute the maximum calibration error, `max_k |acc_k - conf_k|` over bins with pixels.

    Source: Naeini et al., AAAI 2015.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{mce(counts):.2f}")  # |0.5 - 0.8|
    0.30
    """
    return float(np.abs(reliability(counts, bins, of).gap).max())


def ks(counts: AnyCounts, of: Of = "prediction") -> float:
    """Compute the Kolmogorov-Smirnov calibration error, which needs no bins.

    `max_c |sum over pixels with confidence <= c of (confidence - outcome)| / pixels`, the largest
    distance between the cumulative confidence and the cumulative accuracy.

    Source: Gupta et al., ICLR 2021.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{ks(counts):.2f}")  # at c = 0.8: |(0.8 - 0) + (0.8 - 1)| / 4
    0.15
    """
    outcomes = top_label(counts.as_one_image, of)
    pixels = outcomes.pixels
    excess = np.cumsum(pixels * outcomes.confidence - outcomes.positive)
    return float(np.abs(excess).max() / pixels.sum())


def accuracy(counts: AnyCounts) -> float:
    """Compute the accuracy, the share of pixels whose predicted class is the label.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> accuracy(counts)
    0.75
    """
    outcomes = top_label(counts.as_one_image)
    return float(np.sum(outcomes.positive) / np.sum(outcomes.pixels))


def confidence(counts: AnyCounts) -> float:
    """Compute the mean confidence, `mean(max(p, 1 - p))`.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{confidence(counts):.2f}")  # (1 + 0.8 + 0.8 + 1) / 4
    0.90
    """
    outcomes = top_label(counts.as_one_image)
    pixels = outcomes.pixels
    return float(outcomes.confidence @ pixels / pixels.sum())


def gap(counts: AnyCounts) -> float:
    """Compute the mean confidence minus the accuracy, in [-1, 1]; positive if overconfident.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{gap(counts):.2f}")  # 0.9 - 0.75
    0.15
    """
    return confidence(counts) - accuracy(counts)


def brier(counts: AnyCounts) -> float:
    """Compute the Brier score, `mean((p - y)^2)`, or of K classes `mean(sum_k (p_k - [y = k])^2)`.

    With two channels, K = 2, it is therefore twice as large as with one channel.

    Source: Brier, Monthly Weather Review 1950; with one channel, in its form for two classes.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{brier(counts):.2f}")  # (0 + 0.64 + 0.04 + 0) / 4
    0.17
    """
    if isinstance(counts, ClassCounts):
        return float(counts.squares.sum() / counts.pixels)
    background, foreground = counts.pooled
    p, q = counts.level_probabilities
    return float((background @ p**2 + foreground @ (1 - q) ** 2) / counts.pixels)


def mean_iou(counts: ClassCounts) -> float:
    """Compute the mean over classes of the intersection over union of pooled pixels.

    Classes that are neither in labels nor in predictions are left out of the mean.

    >>> import torch
    >>> probabilities = torch.tensor([[[0.7, 0.2], [0.2, 0.2], [0.1, 0.6]]])
    >>> counts = ClassCounts.from_probabilities(probabilities, torch.tensor([[0, 1]]))
    >>> print(f"{mean_iou(counts):.2f}")  # (1 + 0 + 0) / 3
    0.33
    """
    return float(np.nanmean(class_iou(counts)))


def class_iou(counts: ClassCounts) -> np.ndarray:
    """Compute the intersection over union of each class, (K,); NaN without any pixel.

    >>> import torch
    >>> probabilities = torch.tensor([[[0.7, 0.2], [0.2, 0.2], [0.1, 0.6]]])
    >>> class_iou(ClassCounts.from_probabilities(probabilities, torch.tensor([[0, 0]])))
    array([0.5, nan, 0. ])
    """
    confusion = counts.confusion.sum(axis=0)
    both = np.diagonal(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - both
    return np.divide(both, union, out=np.full(len(both), np.nan), where=union > 0)


def nll(counts: AnyCounts) -> float:
    """Compute the negative log-likelihood, the mean of -log of the label's probability, in nats.

    Of 8-bit maps, probabilities are clipped at half a grey level from 0 and 1, because a
    probability that was rounded to grey level 0 or 255 need not have been 0 or 1. Without clipping,
    a single wrong pixel at these grey levels would make the value infinite. Of floats, it is
    computed from the logits.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> print(f"{nll(counts):.2f}")  # (log 5 + log 1.25) / 4, and 0.001 from the clipped pixels
    0.46
    """
    if isinstance(counts, ClassCounts):
        return float(counts.losses.sum() / counts.pixels)
    if counts.levels is not None:
        return float((counts.pooled * counts.levels.losses).sum() / counts.pixels)
    half = 0.5 / (counts.grey_levels - 1)
    p = np.clip(counts.probabilities, half, 1 - half)
    background, foreground = counts.pooled
    return float(-(background @ np.log1p(-p) + foreground @ np.log(p)) / counts.pixels)


def _bins(outcomes: TopLabel, bins: int) -> np.ndarray:
    """Return the bin of each confidence, shape (K,)."""
    check_bins(bins, outcomes.grey_levels)
    # A confidence is an integer over grey_levels - 1, so that the bin (low, high] is a ceiling
    # division of integers. In floating point, rounding would move some grey levels across an edge.
    top = outcomes.grey_levels - 1
    return np.maximum((outcomes.numerators * bins + top - 1) // top - 1, 0)


def _edge_ranks(pixels: float | np.ndarray, bins: int) -> np.ndarray:
    """Return the number of pixels below each edge of bins of equal mass, shape (bins + 1,)."""
    # Rounding must not move the last edge beyond the last pixel.
    return np.minimum(pixels * np.arange(bins + 1) / bins, pixels)


def _running_sums(counts: AnyCounts, of: Of) -> tuple[np.ndarray, np.ndarray]:
    """Compute running sums over the K grey levels that have pixels, by ascending confidence.

    Returns:
        Confidence of each grey level, shape (K,), and the numbers of pixels below each grey level
        and of all, the sums of their confidences and of their outcomes, shape (3, K + 1).
    """
    outcomes = top_label(counts.as_one_image, of)
    filled = outcomes.pixels > 0
    confidence, pixels = outcomes.confidence[filled], outcomes.pixels[filled]
    positive = outcomes.positive[filled]
    sums = np.zeros((3, len(pixels) + 1))
    np.cumsum([pixels, pixels * confidence, positive], axis=1, out=sums[:, 1:])
    return confidence, sums


def _ece(diagram: Reliability) -> float:
    return float(np.sum(diagram.share * np.abs(diagram.gap)))


def check_bins(bins: int, grey_levels: int = MAP_GREY_LEVELS) -> None:
    """Check a number of bins.

    >>> check_bins(15)

    Args:
        bins: number of bins.
        grey_levels: number of grey levels of the counts.

    Raises:
        ValueError: if the number is not an integer, if there is no bin, or if there are more bins
            than grey levels (and than the 256 of 8-bit maps), some of which would be empty.
    """
    most = max(grey_levels, MAP_GREY_LEVELS)
    integer = isinstance(bins, (int, np.integer)) and not isinstance(bins, bool)
    reason = f"because counts of {grey_levels} grey levels cannot fill more bins"
    require("bins", bins, integer and 1 <= bins <= most, f"an integer from 1 to {most}, {reason}")
