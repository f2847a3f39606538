"""One temperature for clean and degraded images alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration.base import pixels_to_fit
from aslp_lib.recalibration.map_features import Images
from aslp_lib.recalibration.temperature import Temperature
from aslp_lib.recalibration.trained import Trained


@dataclass(frozen=True)
class DegradedTemperature(Temperature):
    """`Temperature`, fitted on the validation set and on it under each of `DEGRADATIONS`, every
    pixel alike: after the perturbed validation set of Tomani et al. (CVPR 2021).

    One number between what clean and what degraded images ask for: modest under shift, and too
    modest without.
    """

    name = "degraded_temperature"
    label = "temperature of degraded images"
    fits_degraded = True

    def fit_on_images(self, trained: Trained) -> Self:
        return self.fit(trained.counts, trained.degraded)

    def fit(self, counts: Counts, degraded: Iterable[Counts | Images] = ()) -> Self:
        """Fit as `Temperature.fit`, on the pixels of clean images and of degraded ones."""
        pixels = sum((each.pooled for each in degraded), pixels_to_fit(counts))
        return super().fit(Counts(pixels[None]))
