"""The noise floor of the ECE, against its definition in loops and the true posterior."""

from itertools import product

import numpy as np
import pytest
import torch

from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.noise_floor import noise_floor


def random_counts(images, seed=0):
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 9, (images, 2, 256)) * (rng.random((images, 2, 256)) < 0.1)
    return Counts(table)


def by_definition(counts, bins, groups):
    """The mean ECE over all assignments of signs to groups, pixel by pixel."""
    residual, pixels = np.zeros((len(counts), bins)), np.zeros((len(counts), bins))
    for image, label, level in np.argwhere(counts.table):
        number, p = counts.table[image, label, level], level / 255
        confidence, right = max(p, 1 - p), (p > 0.5) == label
        k = next(k for k in range(bins) if max(level, 255 - level) * bins <= (k + 1) * 255)
        residual[image, k] += number * (confidence - right)
        pixels[image, k] += number
    for k in range(bins):
        if pixels[:, k].sum():
            residual[:, k] -= pixels[:, k] * residual[:, k].sum() / pixels[:, k].sum()
    eces = []
    for signs in product((-1, 1), repeat=max(groups) + 1):
        flipped = sum(signs[g] * residual[i] for i, g in enumerate(groups))
        eces.append(np.abs(flipped).sum() / pixels.sum())
    return np.mean(eces)


@pytest.mark.parametrize("groups", [None, (0, 0, 1, 2, 2, 3)])
def test_it_is_the_mean_ece_over_all_signs(groups):
    counts = random_counts(6)
    expected = by_definition(counts, 15, groups or range(6))
    counts = Counts(counts.table, groups=groups and np.array(groups))
    assert noise_floor(counts, 15, draws=50_000) == pytest.approx(expected, rel=0.02)


def test_miscalibration_that_all_images_share_does_not_raise_it():
    table = np.zeros((40, 2, 256), np.int64)
    table[:, :, 250] = 30, 70
    assert calibration.ece(Counts(table)) > 0.2
    assert noise_floor(Counts(table)) == pytest.approx(0, abs=1e-12)


def test_a_single_image_has_the_floor_zero():
    assert noise_floor(random_counts(1)) == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
def test_it_agrees_with_the_ece_of_the_true_posterior():
    """The true posterior is calibrated, so that its ECE is noise alone."""
    eces, floors = [], []
    for seed in range(8):
        shapes = Shapes("test", 200, seed)
        p = torch.from_numpy(shapes.posterior)
        counts = Counts.from_probabilities(p, shapes.masks[:, 0].float())
        eces.append(calibration.ece(counts))
        floors.append(noise_floor(counts))
    assert np.mean(floors) == pytest.approx(np.mean(eces), rel=0.35)
