"""The noise floor of the ECE: the value that a calibrated predictor would score on the same maps.

The ECE is biased upwards: even the true posterior has a positive ECE on a finite set, because the
errors of the pixels of an image are correlated and do not average out. Differences between two ECEs
near their floor are noise.
"""

from __future__ import annotations

import numpy as np

from aslp_lib.metrics.calibration import BINS, Of, image_bins
from aslp_lib.metrics.counts import Counts

DRAWS = 1000
"""Default number of draws of the signs."""


def noise_floor(
    counts: Counts,
    bins: int = BINS,
    of: Of = "prediction",
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> float:
    """Compute the mean ECE of a calibrated predictor whose residuals vary as much between images.

    The residual of image i in bin b is the sum of its confidences minus its number of correct
    pixels. The bin's mean residual per pixel, which is miscalibration, is subtracted. What remains
    varies from image to image; under calibration its sign is arbitrary. Each draw flips one random
    sign for each image, or group of images, in all bins at once. The floor is the mean ECE over the
    draws.

    Two images have two pixels of confidence 1 each; both are right in one image and wrong in the
    other. The centred residuals are -1 and +1, so that half of the draws cancel them:

    >>> maps, masks = [np.uint8([[255, 255]])] * 2, [np.uint8([[1, 1]]), np.uint8([[0, 0]])]
    >>> floor = noise_floor(Counts.from_maps(maps, masks))
    >>> abs(floor - 0.25) < 0.05  # (|1 + 1| / 4 + 0) / 2
    True

    Args:
        counts: counts of the images.
        bins: number of bins of equal width.
        of: definition of confidence and outcome, see `calibration`.
        draws: number of draws.
        seed: seed of the draws.

    Raises:
        ValueError: see `calibration.check_bins`.
    """
    sums = image_bins(counts, bins, of)
    residuals = sums.confidence - sums.positive
    pixels = sums.pixels.sum(axis=0)
    means = np.divide(residuals.sum(axis=0), pixels, out=np.zeros(bins), where=pixels > 0)
    centred = residuals - sums.pixels * means
    by_group = np.zeros((counts.independent, bins))
    np.add.at(by_group, counts.group_index, centred)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, len(by_group)))
    return float(np.abs(signs @ by_group).sum(axis=1).mean() / pixels.sum())
