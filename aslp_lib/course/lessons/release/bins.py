"""The confidence bins of the authors' released code, which differ from the paper's.

They are written from a description of what the code computes, and are not meant for measuring a
network. The library has the rest of the release under these names: the technique `RELEASE`,
`dynamics="release"`, the schedule "release" and `min_max`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOP = 255
"""Largest grey level of an 8-bit map."""


@dataclass(frozen=True)
class Spans:
    """Confidence bins that may share pixels, with one entry per bin.

    Args:
        low, high: (bins,) ends of a bin, as confidences, both included.
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
        raise ValueError(f"maps have shape {maps.shape}; expected that of masks, {masks.shape}")
    if bins < 2:
        raise ValueError(f"bins is {bins}; expected at least 2")
    grey_confidence = np.maximum(maps, TOP - maps).reshape(len(maps), -1)
    correct = ((maps > TOP // 2) == (masks == 1)).reshape(grey_confidence.shape)
    ranks = np.rint(np.arange(bins) * grey_confidence.size / bins).astype(np.int64)
    edges = np.sort(grey_confidence, axis=None)[ranks]
    low, high = np.append(0, edges[:-1]), np.append(edges[1:], TOP)
    statistics = []
    for start, end in zip(low, high, strict=True):
        inside = (grey_confidence >= start) & (grey_confidence <= end)
        parts = max((edges == start).sum(), 1)
        taken = inside & (inside.cumsum(axis=1) <= inside.sum(axis=1, keepdims=True) // parts)
        confidence = grey_confidence[taken].sum(dtype=np.int64)
        statistics.append((taken.sum(), confidence, correct[taken].sum()))
    pixels, confidences, hits = np.array(statistics).T
    counted = np.maximum(pixels, 1)  # an empty bin has the confidence and accuracy 0
    mean_confidence = confidences / counted / TOP
    return Spans(low / TOP, high / TOP, pixels, mean_confidence, hits / counted, correct.size)
