"""What the authors' released code does otherwise, where showing it takes more than a few lines.

Written from a description of what it computes, for notebook 09 alone: nothing here is to be used to
measure a network. The rest of the release is in the library by name: the technique `RELEASE`,
`dynamics="release"`, the schedule "release" and `min_max`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOP = 255
"""The surest grey level of an 8-bit map."""


@dataclass(frozen=True)
class Spans:
    """Bins that may share pixels, one entry a bin.

    Args:
        low, high: (bins,) least and greatest confidence that a bin takes, both included.
        pixels: (bins,) how many pixels it counts.
        confidence, accuracy: (bins,) their mean confidence and share that is right; 0 in an empty
            bin.
        there: how many pixels there are.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    pixels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    there: int

    @property
    def times_counted(self) -> float:
        """How often a pixel is counted on average; 1 in bins that share none."""
        return float(self.pixels.sum() / self.there)

    @property
    def ece(self) -> float:
        """`sum_k w_k * |acc_k - conf_k|`, w_k the bin's share of all that is counted."""
        gap = np.abs(self.confidence - self.accuracy)
        return float(self.pixels @ gap / self.pixels.sum())


def release_spans(maps: NDArray[np.uint8], masks: NDArray[np.uint8], bins: int) -> Spans:
    """Bins of equal mass as the authors' release cuts them.

    The edges are quantiles, the k-th with k/bins of all pixels below it. But bin k reaches from
    edge k - 1 to edge k + 1, over two quantiles, and takes both ends. Where m edges coincide, as at
    a confidence of 1, each of the bins that begin there takes, of every image, the first m-th part
    of its pixels, in the order in which the image is stored; no bin takes the rest.

    (The release's edges are of a sample, all pixels of the first image and a tenth of each other's,
    drawn from a generator that is not seeded. Here they are of all pixels.)

    Args:
        maps: (images, ...) predicted maps, 255 = surely foreground.
        masks: the same shape, 0 or 1.
        bins: how many, at least 2.

    Raises:
        ValueError: shapes that differ, or fewer bins.
    """
    if maps.shape != masks.shape:
        raise ValueError(f"maps have shape {maps.shape}, masks {masks.shape}: they must agree")
    if bins < 2:
        raise ValueError(f"bins is {bins}, but must be at least 2")
    sure = np.maximum(maps, TOP - maps).reshape(len(maps), -1)
    right = ((maps > TOP // 2) == (masks == 1)).reshape(sure.shape)
    ranks = np.rint(np.arange(bins) * sure.size / bins).astype(np.int64)
    edges = np.sort(sure, axis=None)[ranks]
    low, high = np.append(0, edges[:-1]), np.append(edges[1:], TOP)
    parts = [max(int((edges == each).sum()), 1) for each in low]
    found = [_first_parts(sure, right, *each) for each in zip(low, high, parts, strict=True)]
    pixels, confidence, accuracy = (np.array(column) for column in zip(*found, strict=True))
    return Spans(low / TOP, high / TOP, pixels, confidence, accuracy, sure.size)


def _first_parts(
    sure: NDArray[np.uint8], right: NDArray[np.bool_], low: int, high: int, parts: int
) -> tuple[int, float, float]:
    """Of each image, the first of so many parts of its pixels in a bin: how many pixels that is,
    their mean confidence and the share that is right."""
    inside = (sure >= low) & (sure <= high)
    taken = inside & (inside.cumsum(axis=1) <= inside.sum(axis=1, keepdims=True) // parts)
    pixels = int(taken.sum())
    if not pixels:
        return 0, 0.0, 0.0
    return pixels, float(sure[taken].mean() / TOP), float(right[taken].mean())
