"""Against the true posterior `P(y = 1 | x)`, where it is known, as it is of made data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aslp_lib.metrics.calibration import brier_parts
from aslp_lib.metrics.counts import Counts


class TruthParts(NamedTuple):
    """`total = calibration + grouping`, means over pixels of squared differences of probability."""

    total: float
    calibration: float
    grouping: float


def against_posterior(level_maps: np.ndarray, posterior: np.ndarray) -> TruthParts:
    """How far predictions are from the true posterior pi, and how much of it calibration can see.

    With `c(p) = mean of pi where p is predicted`: `mean (p - pi)^2` splits exactly into
    `mean (p - c(p))^2`, which every calibration error is about, and `mean (c(p) - pi)^2`, the
    grouping loss (Kull & Flach 2015; Perez-Lebel et al., ICLR 2023): pixels of different truth that
    share one prediction. The second is invisible to every reliability diagram.

    Args:
        level_maps: uint8, any shape; level v predicts v / 255.
        posterior: the same shape, in [0, 1].
    """
    p = level_maps / 255
    total = float(np.mean((p - posterior) ** 2))
    calibration = brier_parts(expected_counts(level_maps, posterior)).reliability
    return TruthParts(total, calibration, total - calibration)


def expected_counts(level_maps: np.ndarray, posterior: np.ndarray) -> Counts:
    """Counts in expectation over the labels: every score of `calibration` free of their noise.

    Args:
        level_maps: (images, ...) uint8.
        posterior: the same shape, in [0, 1].
    """
    if level_maps.shape != posterior.shape or level_maps.dtype != np.uint8:
        raise ValueError(
            f"maps are {level_maps.dtype} of shape {level_maps.shape}, the posterior's shape is "
            f"{posterior.shape}: they must agree, and maps be 8-bit (uint8)"
        )
    if not ((posterior >= 0) & (posterior <= 1)).all():
        raise ValueError("the posterior must lie in [0, 1] and not be NaN")
    n = len(level_maps)
    cell = level_maps.reshape(n, -1) + 256 * np.arange(n)[:, None]
    truth = posterior.reshape(n, -1).astype(np.float64)
    table = [
        np.bincount(cell.ravel(), share.ravel(), minlength=256 * n).reshape(n, 256)
        for share in (1 - truth, truth)
    ]
    return Counts(np.stack(table, axis=1))
