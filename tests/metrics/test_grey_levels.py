"""Grey levels as logits and back.

tests/properties/test_recalibration.py rounds logits of any counts.
"""

import numpy as np
import pytest

from aslp_lib.metrics.grey_levels import clipped_logits, grey_level_logits, nearest_grey_levels


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


def test_a_logit_between_two_levels_goes_to_the_one_farther_from_one_half():
    logs = np.log(np.arange(1, 14))  # of the half levels of 8 levels
    between = (logs - logs[::-1])[::2]
    assert nearest_grey_levels(between, 8).tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert nearest_grey_levels(np.nextafter(between, -np.inf), 8).tolist() == [*range(7)]
    assert nearest_grey_levels(np.nextafter(between, np.inf), 8).tolist() == [*range(1, 8)]
