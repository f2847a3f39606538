"""The mean prediction of an image and of its mirror image: the special cases.

test_module.py compares it with the mean of the probabilities.
"""

import torch

from aslp_lib.recalibration import Flip


def test_a_network_that_sees_no_difference_is_left_as_it_is():
    """Also where a probability in single precision is 1, or is 1 exactly; NaN stays NaN."""
    values = [-torch.inf, -80.0, -17.5, -3.0, 0.0, 2.0, 17.5, 80.0, 1e4, torch.inf, torch.nan]
    logits = torch.tensor(values).view(1, 1, -1, 1)
    images = torch.zeros(1, 3, len(values), 1, dtype=torch.uint8)
    after = Flip().attach(lambda _: logits.double())(logits, images)
    torch.testing.assert_close(after, logits, equal_nan=True)
