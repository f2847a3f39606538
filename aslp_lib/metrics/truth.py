"""Against the true posterior `P(y = 1 | x)`, where it is known, as it is of made data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from aslp_lib.metrics.calibration import brier_parts
from aslp_lib.metrics.counts import MAP_GREY_LEVELS, Counts


class TruthParts(NamedTuple):
    """`total = calibration + grouping`, means over pixels of squared differences of probability."""

    total: float
    calibration: float
    grouping: float


def against_posterior(grey_level_maps: np.ndarray, posterior: np.ndarray) -> TruthParts:
    """How far predictions are from the true posterior pi, and how much of it calibration can see.

    With `c(p) = mean of pi where p is predicted`: `mean (p - pi)^2` splits exactly into
    `mean (p - c(p))^2`, which every calibration error is about, and `mean (c(p) - pi)^2`, the
    grouping loss (Kull & Flach 2015; Perez-Lebel et al., ICLR 2023): pixels of different truth that
    share one prediction. The second is invisible to every reliability diagram.

    Args:
        grey_level_maps: (images, ...) uint8; grey level v predicts v / 255.
        posterior: the same shape, in [0, 1].

    Raises:
        ValueError: maps that are not 8-bit; and as `Counts.from_probabilities`.
    """
    if grey_level_maps.dtype != np.uint8:
        raise ValueError(f"maps are {grey_level_maps.dtype}, but must be 8-bit (uint8)")
    p = grey_level_maps / 255
    expected = Counts.from_probabilities(
        torch.from_numpy(p), torch.from_numpy(posterior), grey_levels=MAP_GREY_LEVELS
    )
    total = float(np.mean((p - posterior) ** 2))
    calibration = brier_parts(expected).reliability
    return TruthParts(total, calibration, total - calibration)
