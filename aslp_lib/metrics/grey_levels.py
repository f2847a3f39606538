"""Grey levels as logits and back, and the pixels that a fit on grey levels needs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aslp_lib.metrics.counts import Counts


def pixels_to_fit(counts: Counts) -> NDArray[np.float64]:
    """(2, grey_levels) pixels of all images by label and level: what is fitted on counts.

    Raises:
        ValueError: there are none, or counts are negative, infinite or NaN.
    """
    pixels: NDArray[np.float64] = counts.pooled.astype(np.float64)
    if not ((pixels >= 0) & (pixels < np.inf)).all():
        raise ValueError("a fit needs counts of pixels, but some are negative or NaN, or infinite")
    if not pixels.any():
        raise ValueError("there is nothing to fit a recalibration on: the set has no pixels")
    return pixels


def grey_level_logits(levels: int) -> NDArray[np.float64]:
    """(levels,) logit of each grey level; the ends are clipped at half a level, as in
    `calibration.nll`: +-9.01 of 4096 levels, +-6.23 of 256."""
    halves = np.arange(levels) * 2
    return _half_grey_level_logits(levels)[halves.clip(1, 2 * levels - 3) - 1]


def nearest_grey_levels(logits: NDArray[np.float64], levels: int) -> NDArray[np.intp]:
    """Return the grey level of each logit, the exact inverse of `grey_level_logits`.

    Level v of L holds the logits whose probability rounds to it, from `(v - 1/2) / (L - 1)` to
    `(v + 1/2) / (L - 1)`. A logit between two levels belongs to the one farther from 1/2, and 0 to
    foreground. So a logit that keeps its sign keeps its decision.
    """
    between = _half_grey_level_logits(levels)[::2]
    below, above = (np.searchsorted(between, logits, side) for side in ("left", "right"))
    return np.where(logits < 0, below, above)


def clipped_logits(probabilities: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """Return the logits of probabilities in [0, 1], clipped to the ends of `grey_level_logits`."""
    p, ends = np.clip(probabilities, 0, 1), grey_level_logits(levels)[[0, -1]]
    with np.errstate(divide="ignore"):  # 0 and 1 are infinite until they are clipped
        logits: NDArray[np.float64] = (np.log(p) - np.log1p(-p)).clip(*ends)
    return logits


def _half_grey_level_logits(levels: int) -> NDArray[np.float64]:
    """(2 levels - 3,) logits of grey levels 1/2, 1, 3/2, ..., levels - 3/2.

    Levels and what lies between them come from this one array, so that they are equal bit for bit
    where they coincide; it is odd, and 0 in the middle, whatever a processor's logarithm rounds to.
    """
    logs: NDArray[np.float64] = np.log(np.arange(1, 2 * levels - 2))
    return logs - logs[::-1]
