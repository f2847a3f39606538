"""Sets of images as a fit on images needs them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.float_levels import LAST
from aslp_lib.metrics.grey_levels import pixels_to_fit
from aslp_lib.metrics.map_features import LIMIT, features_of_means, map_values

INNER = np.linspace(-LIMIT, LIMIT, 61)
OUTER = np.geomspace(LIMIT, LAST, 70)
EDGES = np.concatenate([-OUTER[:0:-1], INNER, OUTER[1:]])
"""Edges of the bins of logits in which images are stored for a fit; 0 is one of them."""
CENTRES = (EDGES[:-1] + EDGES[1:]) / 2
"""Centres of these bins."""


def features_of(counts: Counts) -> NDArray[np.float64]:
    """Compute the features of counted maps, (images, features).

    They are those of the whole map, with the pixels that are not counted: where a map is
    recalibrated, it is not known which pixels a mask would leave out.
    """
    pixels = counts.table.reshape(len(counts), -1)
    sums = map_values(counts.logits.ravel()) @ pixels.T
    total = pixels.sum(axis=1).astype(np.float64)
    if "ignored" in counts.columns:
        sums += counts.columns["ignored_values"].T
        total += counts.columns["ignored"]
    features: NDArray[np.float64] = features_of_means(sums / np.where(total > 0, total, 1))
    return features


@dataclass(frozen=True)
class Images:
    """Images of a set with their features, as a fit on images needs them.

    >>> images = Images.of(Counts.from_map(np.uint8([[204, 51]]), np.uint8([[1, 0]])))
    >>> images.tables[0, :, [51, 204]]  # a background pixel at p = 0.2, foreground at p = 0.8
    array([[1., 0.],
           [0., 1.]])

    Args:
        pooled: counts of the pixels of all images, as one image.
        logits: logits of the levels or centres of the bins, by label, shape (2, K).
        tables: pixels of each image by label and logit, shape (N, 2, K).
        features: features of each image, shape (N, features).
    """

    pooled: Counts
    logits: NDArray[np.float64]
    tables: NDArray[np.float64]
    features: NDArray[np.float64]

    @classmethod
    def of(cls, counts: Counts | Images) -> Images:
        """Convert counts, unless they are converted. Images without pixels are omitted.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        if isinstance(counts, Images):
            return counts
        pixels_to_fit(counts)
        filled = counts[np.flatnonzero(counts.table.any(axis=(1, 2)))]
        tables = filled.table.astype(np.float64)
        return cls(counts.as_one_image(), counts.logits, tables, features_of(filled))

    def binned(self) -> Self:
        """Return the images with logits in bins, which take a fortieth of the memory.

        >>> images = Images.of(Counts.from_map(np.uint8([[204, 51]]), np.uint8([[1, 0]])))
        >>> images.binned().tables.shape
        (1, 2, 198)
        """
        index = np.searchsorted(EDGES[1:-1], self.logits, side="right")
        one_hot = (index[..., None] == np.arange(len(CENTRES))).astype(np.float64)
        tables = np.stack([self.tables[:, label] @ one_hot[label] for label in (0, 1)], axis=1)
        return replace(self, logits=np.stack([CENTRES] * 2), tables=tables)
