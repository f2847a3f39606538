"""One temperature for clean and degraded images alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from aslp_lib.recalibration.base import level_logits, pixels_to_fit
from aslp_lib.recalibration.temperature import Temperature, best_temperature
from aslp_lib.recalibration.trained import Trained


@dataclass(frozen=True)
class DegradedTemperature(Temperature):
    """`Temperature`, fitted on the validation set and on it under each of `DEGRADATIONS`, every
    pixel alike: after the perturbed validation set of Tomani et al. (CVPR 2021).

    One number between what clean and what degraded images ask for: modest under shift, and too
    modest without. Fitted on counts (`fit`), it is `Temperature`.
    """

    name = "degraded_temperature"
    label = "temperature of degraded images"

    def fit_on_images(self, trained: Trained) -> Self:
        pixels = sum((each.pooled for each in trained.degraded), pixels_to_fit(trained.counts))
        logits = level_logits(trained.counts.grey_levels)
        return type(self)(best_temperature(pixels.ravel(), np.concatenate([-logits, logits])))
