"""Grey levels as logits and back."""

import numpy as np
import pytest

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import (
    clipped_logits,
    grey_level_logits,
    nearest_grey_levels,
    pixels_to_fit,
)


@pytest.mark.parametrize("levels", [4, 256, 4096])
def test_logits_of_grey_levels_and_back(levels):
    z = grey_level_logits(levels)
    p = np.arange(levels) / (levels - 1)
    half = 0.5 / (levels - 1)
    p[[0, -1]] = half, 1 - half
    np.testing.assert_allclose(z, np.log(p / (1 - p)), atol=1e-12)
    np.testing.assert_array_equal(z, -z[::-1])
    np.testing.assert_array_equal(nearest_grey_levels(z, levels), np.arange(levels))
    np.testing.assert_allclose(clipped_logits(p, levels), z, atol=1e-12)
    ends = clipped_logits(np.array([-0.1, 0.0, 1.0, 1.1]), levels)
    np.testing.assert_array_equal(ends, z[[0, 0, -1, -1]])


@pytest.mark.parametrize("levels", [256, 4096])
def test_a_logit_goes_to_the_level_that_its_probability_rounds_to(levels):
    logits = np.random.default_rng(0).normal(0, 4, 10_000)
    p = 1 / (1 + np.exp(-logits))
    np.testing.assert_array_equal(nearest_grey_levels(logits, levels), np.rint(p * (levels - 1)))
    assert nearest_grey_levels(np.array([-np.inf, np.inf]), levels).tolist() == [0, levels - 1]


def test_a_logit_between_two_levels_goes_to_the_one_farther_from_one_half():
    logs = np.log(np.arange(1, 14))  # of the half levels of 8 levels
    between = (logs - logs[::-1])[::2]
    assert nearest_grey_levels(between, 8).tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert nearest_grey_levels(np.nextafter(between, -np.inf), 8).tolist() == [*range(7)]
    assert nearest_grey_levels(np.nextafter(between, np.inf), 8).tolist() == [*range(1, 8)]


def test_pixels_that_can_be_fitted():
    table = np.random.default_rng(0).integers(0, 9, (3, 2, 8))
    pixels = pixels_to_fit(Counts(table))
    assert pixels.dtype == np.float64
    np.testing.assert_array_equal(pixels, table.sum(0))
    for counts, message in (
        (table, r"the type of .* is ndarray; expected Counts\. Create them"),
        (Counts(np.ones((1, 2, 2))), "the number of grey levels is 2; expected 4 or more"),
        (Counts(np.zeros((0, 2, 8))), "number of pixels is 0"),
        (Counts(np.zeros((2, 2, 8))), "number of pixels is 0"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            pixels_to_fit(counts)
