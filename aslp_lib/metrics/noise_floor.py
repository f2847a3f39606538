"""The noise floor of the ECE, and confidence intervals of the ECE that account for it.

The ECE is biased upwards. Even the true posterior has a positive ECE on a finite set, because the
errors of the pixels of an image are correlated and do not average out: it is 1.3 % on average on
300 images of the synthetic data. The noise floor estimates this value from the counts alone. An ECE
near its floor is no evidence of miscalibration, and a difference between two such ECEs is noise.
"""

import math

import numpy as np

from aslp_lib.metrics.calibration import BINS, ImageBins, image_bins
from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.top_label import Of

FEWEST = 5
"""Smallest number of images or groups from which the noise floor is estimated."""


def noise_floor(counts: Counts | ClassCounts, bins: int = BINS, of: Of = "prediction") -> float:
    """Estimate the mean ECE of a calibrated predictor whose errors vary as much between images.

    The residual of image i in bin k is the sum of its confidences minus its number of correct
    pixels. The mean residual per pixel of the other images in the bin is miscalibration and is
    subtracted for each pixel of image i. What is left, d_ik, would have mean 0 under calibration.
    The floor is the mean absolute value of the sum of these deviations with random signs,

    `sum_k max(sqrt(2 / pi) * sqrt(sum_i d_ik^2), max_i |d_ik|) / pixels`.

    The first term is the mean absolute value of a normal variable. The second one is a lower bound,
    which is attained where a single image dominates the bin.

    For the true posterior of synthetic images, the floor should equal the mean ECE:

    =============  ===  ===  ===  ===  ===  ===
    images           5   10   20   50  100  300
    =============  ===  ===  ===  ===  ===  ===
    mean ECE, %    9.0  6.9  5.1  3.1  2.2  1.3
    mean floor, %  8.6  6.4  4.9  3.2  2.3  1.3
    =============  ===  ===  ===  ===  ===  ===

    The ECE of a single set scatters about this mean with a standard deviation of a third. The floor
    is as close for five to twenty groups of twelve images, and for the chance in the ECE of an
    overconfident predictor. For five groups of 1 to 60 images, it is a fifth too high
    (`benchmarks/noise_floor.py`).

    If the images have groups (see `Counts`), i counts the groups, because errors may be correlated
    within a group. An image or group that fills a bin alone has no others to be compared with, and
    all of its residual counts as chance. With fewer than `FEWEST` images or groups, this happens in
    most bins, and the floor is NaN.

    Five images have four pixels of confidence 1 each; all are right except those of the last image.
    The residuals are 0, 0, 0, 0 and 4, and the deviations from the mean of the others are -1, -1,
    -1, -1 and 4:

    >>> masks = [np.full((1, 4), label, np.uint8) for label in (1, 1, 1, 1, 0)]
    >>> counts = Counts.from_maps([np.full((1, 4), 255, np.uint8)] * 5, masks)
    >>> print(f"{noise_floor(counts):.2f}")  # max(sqrt(2 / pi) * sqrt(20), 4) / 20
    0.20

    Args:
        counts: counts of the images.
        bins: number of bins of equal width.
        of: definition of confidence and outcome, see `calibration`; "classes" for the floor of the
            class-wise ECE.

    Raises:
        ValueError: see `calibration.check_bins`.
    """
    images = np.stack(image_bins(counts, bins, of), axis=1)
    if counts.independent < FEWEST:
        return math.nan
    units = np.zeros((counts.independent, *images.shape[1:]))
    np.add.at(units, counts.group_index, images)
    pixels, confidence, positive = units.swapaxes(0, 1)
    residuals = confidence - positive
    others = pixels.sum(axis=0) - pixels
    gaps = (residuals.sum(axis=0) - residuals) / np.where(others > 0, others, 1)
    deviations = residuals - pixels * gaps
    normal = math.sqrt(2 / math.pi) * np.sqrt(np.square(deviations).sum(axis=0))
    largest = np.abs(deviations).max(axis=0)
    return float(np.maximum(normal, largest).sum() / pixels.sum())


def ece_bounds(images: ImageBins, draws: np.ndarray) -> tuple[float, float]:
    """Compute the ends of the 95 % confidence interval of the ECE by inverting its noise.

    Resamples add their noise to that of the set. Percentile intervals of the ECE are therefore too
    high: those of the true posterior never contain its error, 0. This interval holds the errors
    with which the ECE of the set would be unsurprising. Smaller errors shrink the parts of all bins
    in the ECE by the same amount, to 0 at most; larger ones enlarge the gaps of all bins by the
    same amount. The noise of the resamples, with its sign reversed, is added to each candidate, and
    the interval ends where the ECE of the set is the 97.5 % or the 2.5 % quantile of the sums.

    The lower end is 0 if a calibrated predictor could have the ECE of the set. Far above the
    noise floor the ends are nearly those of the percentile interval.
    `benchmarks/ece_intervals.py` measures how often the interval contains the true error. From few
    images it is too narrow, since the mean that is subtracted contains their chance: intervals of
    the true posterior contain 0 in 93 % of sets of 50 images, 77 % of 20, 58 % of ten and 40 % of
    five (`benchmarks/noise_floor.py`).

    Two images have one pixel of confidence 1 each; one is right and one is wrong. The ECE is 0.5.
    Noise alone reaches it, because resamples that draw an image twice have the ECE 0 or 1:

    >>> images = ImageBins(*np.array([[[1.0], [1.0]], [[1.0], [1.0]], [[1.0], [0.0]]]))
    >>> ece_bounds(images, draws=np.array([[2, 0], [2, 0], [1, 1], [0, 2], [0, 2]]))
    (0.0, 1.0)

    Args:
        images: sums over bins of the N images.
        draws: multiplicity of each image in each of R resamples, shape (R, N).
    """
    filled = images.pixels.any(axis=0)
    pixels, confidence, positive = (sums[:, filled] for sums in images)
    residuals, in_bins = confidence - positive, pixels.sum(axis=0)
    gaps = residuals.sum(axis=0) / in_bins
    residuals -= pixels * gaps  # without miscalibration
    share = in_bins / pixels.sum()
    parts = share * gaps  # the ECE is the sum of their absolute values
    ece = np.abs(parts).sum()
    drawn = draws @ pixels
    drawn_pixels = drawn.sum(axis=1, keepdims=True)
    noise, growth = draws @ residuals / drawn_pixels, drawn / drawn_pixels / share - 1

    def moved(shift: float) -> np.ndarray:
        """Shrink the parts of all bins by `shift`, but not below 0, or enlarge all gaps by it."""
        shifts = shift if shift > 0 else shift * share
        return np.copysign(np.maximum(np.abs(parts) - shifts, 0), parts)

    def unsurprising(shift: float, level: float) -> bool:
        # If larger gaps had more noise, the noise could outgrow them. They keep that of the set.
        changes = growth * moved(max(shift, 0)) + noise
        scores = np.abs(moved(shift) - changes).sum(axis=1)
        return bool(np.quantile(scores, level) >= ece)

    def largest(low: float, high: float, level: float) -> float:
        """Bisect for the largest shift at which a quantile of the scores reaches the ECE."""
        if unsurprising(high, level):
            return high
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (middle, high) if unsurprising(middle, level) else (low, middle)
        return low

    most = np.abs(growth * parts + noise).sum(axis=1).max()
    shifts = largest(0, np.abs(parts).max(), 0.975), largest(-most, 0, 0.025)
    low, high = (float(np.abs(moved(shift)).sum()) for shift in shifts)
    return low, high
