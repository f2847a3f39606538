"""Computations of the authors' released code that differ from the paper's, for notebook 09 only.

They are written from a description of what the code computes, and are not meant for measuring a
network. The library has the rest of the release under these names: the technique `RELEASE`,
`dynamics="release"`, the schedule "release" and `min_max`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOP = 255
"""Largest grey level of an 8-bit map."""


@dataclass(frozen=True)
class Spans:
    """Confidence bins that may share pixels, with one entry per bin.

    Args:
        low, high: (bins,) smallest and largest confidence in a bin, both included.
        pixels: (bins,) number of pixels counted in a bin.
        confidence, accuracy: (bins,) mean confidence and accuracy of those pixels; 0 in an empty
            bin.
        total: number of pixels of all images.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    pixels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    total: int

    @property
    def times_counted(self) -> float:
        """Mean number of bins that count a pixel; 1 if the bins share no pixels."""
        return float(self.pixels.sum() / self.total)

    @property
    def ece(self) -> float:
        """Calibration error `sum_k w_k * |acc_k - conf_k|`; w_k is the bin's share of counts."""
        gap = np.abs(self.confidence - self.accuracy)
        return float(self.pixels @ gap / self.pixels.sum())


def release_spans(maps: NDArray[np.uint8], masks: NDArray[np.uint8], bins: int) -> Spans:
    """Compute equal-mass bins as the authors' released code does.

    The edges are quantiles: the k-th has k/bins of all pixels below it. However, bin k extends from
    edge k - 1 to edge k + 1, over two quantiles, and includes both ends. Where m edges coincide, as
    at a confidence of 1, each of the bins that begin there takes, from every image, the first m-th
    part of its pixels in storage order; no bin takes the others.

    The released code computes the edges from a sample: all pixels of the first image and a tenth of
    those of every other image, drawn from an unseeded generator. Here all pixels are used.

    Args:
        maps: (images, ...) predicted maps; 255 is a foreground probability of 1.
        masks: labels of the same shape, 0 or 1.
        bins: number of bins, at least 2.

    Raises:
        ValueError: the shapes differ, or there are fewer than 2 bins.
    """
    if maps.shape != masks.shape:
        raise ValueError(
            f"maps have shape {maps.shape} and masks {masks.shape}; expected equal shapes"
        )
    if bins < 2:
        raise ValueError(f"bins is {bins}; expected at least 2")
    grey_confidence = np.maximum(maps, TOP - maps).reshape(len(maps), -1)
    correct = ((maps > TOP // 2) == (masks == 1)).reshape(grey_confidence.shape)
    ranks = np.rint(np.arange(bins) * grey_confidence.size / bins).astype(np.int64)
    edges = np.sort(grey_confidence, axis=None)[ranks]
    low, high = np.append(0, edges[:-1]), np.append(edges[1:], TOP)
    parts = [max(int((edges == edge).sum()), 1) for edge in low]
    statistics = [
        _bin_statistics(grey_confidence, correct, *bounds)
        for bounds in zip(low, high, parts, strict=True)
    ]
    pixels, confidence, accuracy = (np.array(column) for column in zip(*statistics, strict=True))
    return Spans(low / TOP, high / TOP, pixels, confidence, accuracy, grey_confidence.size)


def _bin_statistics(
    grey_confidence: NDArray[np.uint8], correct: NDArray[np.bool_], low: int, high: int, parts: int
) -> tuple[int, float, float]:
    """Compute the statistics of a bin that takes the first part of each image's pixels in range.

    Args:
        grey_confidence: (images, pixels) confidence as a grey level.
        correct: (images, pixels) whether the prediction equals the label.
        low, high: smallest and largest grey level in the bin.
        parts: number of equal parts into which each image's pixels in this range are divided.

    Returns:
        Number of pixels, their mean confidence and their accuracy.
    """
    inside = (grey_confidence >= low) & (grey_confidence <= high)
    taken = inside & (inside.cumsum(axis=1) <= inside.sum(axis=1, keepdims=True) // parts)
    pixels = int(taken.sum())
    if not pixels:
        return 0, 0.0, 0.0
    return pixels, float(grey_confidence[taken].mean() / TOP), float(correct[taken].mean())
