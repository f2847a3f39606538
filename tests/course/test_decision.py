"""Bills, pixel by pixel. test_exercises_by_hand.py tries every threshold for the lowest one."""

import numpy as np
import pytest
import torch

from aslp_lib.course.lessons.bill.decision import bill, lowest
from aslp_lib.metrics.counts import Counts


def test_the_bill_is_the_sum_over_pixels():
    rng = np.random.default_rng(0)
    p = np.round(rng.random((3, 200)) * 4335) / 4335  # grey levels, so that counting rounds nothing
    label = (rng.random(p.shape) < p**2).astype(int)  # the probabilities are too high
    costs = bill(Counts.from_probabilities(torch.tensor(p), torch.tensor(label)), 4)
    checked = p > 1 / 4
    expected = [np.where(checked, 1, 4 * cost).mean() for cost in (p, label)]
    # Two probabilities of one level are replaced by their mean.
    np.testing.assert_allclose(costs, [*expected, checked.mean()], rtol=1e-6)


def test_no_threshold_divides_pixels_whose_logits_a_recalibration_made_equal():
    z, y = torch.tensor([[5.0, 6.0, 7.0]]), torch.tensor([[0, 1, 0]])
    clipped = Counts.from_logits(z, y)
    clipped = clipped.with_logits(np.minimum(clipped.logits, 4))
    assert lowest(clipped, miss=2.5) == pytest.approx(2.5 / 3)  # or 1, if all three are checked


@pytest.mark.fault
def test_a_miss_is_dearer_than_a_check():
    """If a miss cost no more than a check, nothing would be checked."""
    counts = Counts.from_probabilities(torch.tensor([[0.5]]), torch.tensor([[1]]))
    with pytest.raises(ValueError, match="miss is 1; expected more than 1"):
        bill(counts, 1)
