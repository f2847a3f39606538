"""Sets of images as a fit on images needs them."""

import numpy as np
from numpy.typing import NDArray

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.float_levels import LAST, FloatLevels
from aslp_lib.metrics.grey_levels import pixels_to_fit
from aslp_lib.metrics.map_features import LIMIT, features_of_means, map_values

INNER = np.linspace(-LIMIT, LIMIT, 61)
OUTER = np.geomspace(LIMIT, LAST, 70)
EDGES = np.concatenate([-OUTER[:0:-1], INNER, OUTER[1:]])
"""Edges of the bins of logits in which images are counted for a fit; 0 is one of them."""
CENTRES = (EDGES[:-1] + EDGES[1:]) / 2
"""Centres of these bins."""


def features_of(counts: Counts) -> NDArray[np.float64]:
    """Compute the features of counted maps, (images, features).

    They are those of the whole map, with the pixels that are not counted: where a map is
    recalibrated, it is not known which pixels a mask would leave out.
    """
    if "features" in counts.columns:
        return counts.columns["features"]
    pixels = counts.table.reshape(len(counts), -1)
    sums = map_values(counts.logits.ravel()) @ pixels.T
    total = pixels.sum(axis=1).astype(np.float64)
    if "ignored" in counts.columns:
        sums += counts.columns["ignored_values"].T
        total += counts.columns["ignored"]
    features: NDArray[np.float64] = features_of_means(sums / np.where(total > 0, total, 1))
    return features


def binned(counts: Counts) -> Counts:
    """Return counts with logits in bins and a column "features", as a fit on images needs them.

    They take a fortieth of the memory of floats. Images without pixels are omitted.

    >>> images = binned(Counts.from_map(np.uint8([[204, 51]]), np.uint8([[1, 0]])))
    >>> images.table.shape, images.columns["features"].shape
    ((1, 2, 198), (1, 5))

    Raises:
        ValueError: see `pixels_to_fit`.
    """
    if "features" in counts.columns:
        return counts
    pixels_to_fit(counts)
    filled = counts[np.flatnonzero(counts.table.any(axis=(1, 2)))]
    index = np.searchsorted(EDGES[1:-1], counts.logits, side="right")
    one_hot = (index[..., None] == np.arange(len(CENTRES))).astype(np.float64)
    tables = np.stack([filled.table[:, label] @ one_hot[label] for label in (0, 1)], axis=1)
    levels = FloatLevels(np.stack([CENTRES] * 2), recalibrated=True)
    return Counts(tables, {"features": features_of(filled)}, levels)
