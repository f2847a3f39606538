"""Maps that are stretched or resized, against arithmetic."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from aslp_lib.maps.resize import own_size
from aslp_lib.maps.write import min_max


@pytest.mark.filterwarnings("error")
def test_a_map_stretched_by_hand():
    """127.5 rounds to the even neighbour, and a constant map becomes 0."""
    for given, expected in (([100, 150, 200], [0, 128, 255]), ([77, 77, 77], [0, 0, 0])):
        assert min_max(np.uint8([given])).tolist() == [expected]
    for given, expected in (([0.25, 0.5, 0.75], [0, 0.5, 1]), ([0.3, 0.3, 0.3], [0, 0, 0])):
        stretched = min_max(np.float32([given]))
        assert stretched.tolist() == [expected] and stretched.dtype == np.float32


@pytest.mark.parametrize("resize_logits", [True, False])
def test_logits_or_probabilities_are_interpolated_between_pixel_centres(resize_logits):
    z = np.array([-2.0, 4.0])
    weights = np.array([0, 0.25, 0.75, 1])  # of the right pixel, at four centres instead of two
    before, after = (lambda x: x, expit) if resize_logits else (expit, lambda x: x)
    expected = after(before(z[0]) * (1 - weights) + before(z[1]) * weights)
    logit = torch.tensor(z, dtype=torch.float32).expand(1, 2, 2)
    resized = own_size(logit, (3, 4), resize_logits=resize_logits)
    np.testing.assert_allclose(resized, np.tile(expected, (3, 1)), rtol=1e-6)
