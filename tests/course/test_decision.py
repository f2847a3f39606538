"""Bills, pixel by pixel."""

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


def test_the_lowest_bill_is_that_of_the_best_threshold():
    grey, label = np.uint8([[100, 100, 101, 102, 102, 103]]), np.uint8([[0, 1, 0, 0, 1, 1]])
    for miss in (1.5, 2.0, 3.0, 8.0):
        paid = [np.where(grey > t, 1, miss * label).mean() for t in range(99, 104)]
        assert lowest(Counts.from_map(grey, label), miss) == pytest.approx(min(paid))


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
