"""Conversion of grey levels to logits and back, and the pixels on which a fit is based."""

import numpy as np
from numpy.typing import NDArray

from aslp_lib.checks import require, require_type
from aslp_lib.metrics.counts import Counts


def pixels_to_fit(counts: Counts) -> NDArray[np.float64]:
    """Return the pooled pixels on which a recalibration method is fitted.

    >>> pixels_to_fit(Counts(np.array([[[4, 0, 1, 0], [0, 0, 3, 2]]])))
    array([[4., 0., 1., 0.],
           [0., 0., 3., 2.]])

    Returns:
        Number of pixels of all images by label and level, shape (2, levels); `Counts.logits` has
        their logits.

    Raises:
        TypeError: if `counts` is not a `Counts`.
        ValueError: if there are no pixels, or fewer than four grey levels.
    """
    advice = "Counts. Create them with Counts.from_probabilities or Counts.from_maps"
    require_type("the set to fit on", counts, Counts, advice)
    # The logits of 2 grey levels, clipped at half a grey level, are both 0.
    levels, expected = counts.grey_levels, "4 or more to fit a recalibration. Count again with more"
    require("the number of grey levels", levels, levels >= 4, expected)
    pixels: NDArray[np.float64] = counts.pooled.astype(np.float64)
    expected = "1 or more to fit a recalibration. Check the validation set."
    require("the number of pixels", 0, bool(pixels.any()), expected)
    return pixels


def grey_level_logits(levels: int) -> NDArray[np.float64]:
    """Compute the logit of each grey level, shape (levels,).

    The probabilities 0 and 1 are clipped at half a grey level, as in `calibration.nll`. The largest
    logit is 6.23 for 256 grey levels.

    >>> grey_level_logits(4).round(2)  # p = 1/6 (clipped), 1/3, 2/3 and 5/6 (clipped)
    array([-1.61, -0.69,  0.69,  1.61])

    Args:
        levels: number of grey levels.
    """
    halves = np.arange(levels) * 2
    return _half_grey_level_logits(levels)[halves.clip(1, 2 * levels - 3) - 1]


def nearest_grey_levels(logits: NDArray[np.float64], levels: int) -> NDArray[np.intp]:
    """Round logits to grey levels; the exact inverse of `grey_level_logits`.

    Grey level v of L comprises the probabilities from `(v - 1/2) / (L - 1)` to
    `(v + 1/2) / (L - 1)`. A logit halfway between two grey levels is assigned to the one farther
    from 1/2, and the logit 0 to foreground. The sign of a logit therefore determines the decision.

    >>> nearest_grey_levels(np.array([-9.0, -0.1, 0.0, 9.0]), 4)
    array([0, 1, 2, 3])

    Args:
        logits: logits of any shape.
        levels: number L of grey levels.

    Returns:
        Grey levels, of the shape of `logits`.
    """
    between = _half_grey_level_logits(levels)[::2]
    below, above = (np.searchsorted(between, logits, side) for side in ("left", "right"))
    return np.where(logits < 0, below, above)


def clipped_logits(probabilities: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
    """Compute the logits of probabilities, clipped to the range of `grey_level_logits`.

    >>> clipped_logits(np.array([0.0, 0.8, 1.0]), 256).round(2)
    array([-6.23,  1.39,  6.23])

    Args:
        probabilities: probabilities in [0, 1], of any shape.
        levels: number of grey levels.
    """
    p, ends = np.clip(probabilities, 0, 1), grey_level_logits(levels)[[0, -1]]
    with np.errstate(divide="ignore"):  # the logits of 0 and 1 are infinite before clipping
        logits: NDArray[np.float64] = (np.log(p) - np.log1p(-p)).clip(*ends)
    return logits


def _half_grey_level_logits(levels: int) -> NDArray[np.float64]:
    """Compute the logits of grey levels 1/2, 1, 3/2, ..., levels - 3/2, shape (2 levels - 3,).

    Grey levels and the midpoints between them are both taken from this array, so that equal values
    are equal bit for bit. The array is antisymmetric by construction, whatever the rounding of the
    logarithm.
    """
    logs: NDArray[np.float64] = np.log(np.arange(1, 2 * levels - 2))
    return logs - logs[::-1]
