"""Features of a predicted map, and sets of images as a fit on images needs them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, pixels_to_fit

LIMIT = 6.0
"""Value at which `|z|` is clipped, close to the largest logit of an 8-bit map (6.23)."""
BINS = 60
"""Number of bins of logits in which images are stored for a fit; an edge, not a centre, is 0."""
FEATURES = ("log area", "log entropy", "entropy of foreground", "entropy of background", "|z|")
"""Names of the features of a predicted map."""


Array = TypeVar("Array", bound=NDArray[np.float64] | Tensor)


def map_features(logits: Array, pixels: NDArray[np.int64] | None = None) -> Array:
    """Compute the features of predicted maps, in NumPy or PyTorch.

    Let f be the predicted class of a pixel (1 if z > 0), and H the entropy of its prediction in
    nats. The features of an image are means over its pixels: `log(0.001 + mean f)`,
    `log(0.001 + mean H)`, `mean(H f) / (mean f + 0.01)`, `mean(H (1 - f)) / (1 - mean f + 0.01)`
    and `mean min(|z|, 6)`.

    >>> map_features(np.log([[4.0, 0.25]])).round(2)  # p = 0.8 and 0.2; H = 0.50
    array([[-0.69, -0.69,  0.49,  0.49,  1.39]])

    Infinite logits count as the largest finite ones, and NaN as 0, the logit of probability 1/2:
    one broken pixel must not change what is known about the others.

    Args:
        logits: logits of each pixel, shape (N, pixels); or with `pixels`, distinct logits as a
            NumPy array of shape (K,).
        pixels: number of pixels of each image that have each logit, shape (N, K).

    Returns:
        Shape (N, features), in the order of `FEATURES`.
    """
    xp: Any = torch if isinstance(logits, Tensor) else np
    logits = xp.nan_to_num(logits)
    size = xp.abs(logits)
    odds = xp.exp(-size)  # entropy is the same for z and -z
    entropy = xp.log1p(odds) + size * odds / (1 + odds)
    clipped, decision = size.clip(max=LIMIT), (logits > 0) * xp.ones_like(logits)
    values = (decision, entropy * decision, entropy * (1 - decision), clipped)
    if pixels is None:
        area, inside, outside, size_mean = [value.mean(1) for value in values]
    else:
        total = pixels.sum(axis=1, keepdims=True)
        shares = pixels / np.where(total > 0, total, 1)  # 0 without pixels
        area, inside, outside, size_mean = [shares @ value for value in values]
    logs = xp.log(0.001 + area), xp.log(0.001 + inside + outside)
    entropies = inside / (area + 0.01), outside / (1 - area + 0.01)
    return cast(Array, xp.stack([*logs, *entropies, size_mean], 1))


@dataclass(frozen=True)
class Images:
    """Images of a set with their features, as a fit on images needs them.

    >>> images = Images.of(Counts.from_map(np.uint8([[204, 51]]), np.uint8([[1, 0]])))
    >>> images.tables[0, :, [51, 204]]  # a background pixel at p = 0.2, foreground at p = 0.8
    array([[1., 0.],
           [0., 1.]])

    Args:
        pooled: pixels of all images by label and grey level, shape (2, grey_levels).
        logits: logits of the grey levels or centres of the bins, shape (K,).
        tables: pixels of each image by label and logit, shape (N, 2, K).
        features: features of each image, shape (N, features).
    """

    pooled: NDArray[np.float64]
    logits: NDArray[np.float64]
    tables: NDArray[np.float64]
    features: NDArray[np.float64]

    @classmethod
    def of(cls, counts: Counts) -> Self:
        """Convert counts. Images without pixels are omitted.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        pooled = pixels_to_fit(counts)
        filled = counts.table[counts.table.any(axis=(1, 2))]
        z = grey_level_logits(counts.grey_levels)
        return cls(pooled, z, filled.astype(np.float64), map_features(z, filled.sum(axis=1)))

    def binned(self) -> Self:
        """Return the images with logits in `BINS` bins, which take a hundredth of the memory.

        >>> images = Images.of(Counts.from_map(np.uint8([[204, 51]]), np.uint8([[1, 0]])))
        >>> images.binned().tables.shape
        (1, 2, 60)
        """
        index = np.floor((self.logits.clip(-LIMIT, LIMIT) / LIMIT + 1) * BINS / 2)
        one_hot = (index.clip(max=BINS - 1)[:, None] == np.arange(BINS)).astype(np.float64)
        return replace(self, logits=bin_centres(), tables=self.tables @ one_hot)


def corrupted_sets(corrupted: Iterable[Counts | Images]) -> list[Counts | Images]:
    """Return the counts of corrupted images, one set for each corruption, as a list.

    Raises:
        TypeError: if it is one set, and not several.
    """
    if isinstance(corrupted, (Counts, Images)):
        raise TypeError(
            f"the type of corrupted is {type(corrupted).__name__}; expected a list of counts, one "
            "set for each corruption. Put a single set into a list."
        )
    return [*corrupted]


def bin_centres() -> NDArray[np.float64]:
    """Return the centres of the bins of logits, shape (BINS,).

    >>> bin_centres()[[0, 1, -1]].round(1)
    array([-5.9, -5.7,  5.9])
    """
    return (np.arange(BINS) + 0.5) * 2 * LIMIT / BINS - LIMIT
