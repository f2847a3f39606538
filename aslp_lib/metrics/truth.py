"""Comparison with the true posterior `P(y = 1 | x)`, which is known for synthetic data."""

from typing import NamedTuple

import numpy as np
import torch

from aslp_lib.metrics.calibration import brier_parts
from aslp_lib.metrics.counts import MAP_GREY_LEVELS, Counts


class TruthParts(NamedTuple):
    """The posterior error and its parts, `total = calibration + grouping`."""

    total: float
    """Mean squared difference from the true posterior."""
    calibration: float
    """Part that calibration errors measure."""
    grouping: float
    """Grouping loss, which calibration errors cannot measure."""


def against_posterior(grey_level_maps: np.ndarray, posterior: np.ndarray) -> TruthParts:
    """Compute the posterior error and decompose it into calibration and grouping loss.

    Let pi be the true posterior of a pixel, p its prediction, and `c(p)` the mean of pi over the
    pixels with prediction p. The posterior error `mean (p - pi)^2` is exactly the sum of the
    calibration part `mean (p - c(p))^2` and the grouping loss `mean (c(p) - pi)^2`. The grouping
    loss arises where pixels with different posteriors share one prediction. No reliability diagram
    reveals it.

    Source: Kull & Flach, ECML PKDD 2015; Perez-Lebel et al., ICLR 2023.

    >>> parts = against_posterior(np.uint8([[102, 102]]), np.array([[0.2, 0.8]]))
    >>> [round(part, 4) for part in parts]  # p = 0.4 and c(p) = 0.5
    [0.1, 0.01, 0.09]

    Args:
        grey_level_maps: 8-bit maps (images, ...), uint8; grey level v predicts v / 255.
        posterior: true posteriors in [0, 1], of the same shape.

    Raises:
        ValueError: if the maps are not uint8, if the shapes differ, or if posteriors are NaN or
            outside [0, 1].
    """
    if grey_level_maps.dtype != np.uint8:
        raise ValueError(f"the maps are {grey_level_maps.dtype}; expected uint8 grey levels.")
    p = grey_level_maps / 255
    tensors = torch.from_numpy(p), torch.from_numpy(posterior)
    expected = Counts.from_probabilities(*tensors, grey_levels=MAP_GREY_LEVELS)
    total = float(np.mean((p - posterior) ** 2))
    calibration = brier_parts(expected).reliability
    return TruthParts(total, calibration, total - calibration)
