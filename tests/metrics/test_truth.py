import numpy as np
import pytest
import torch

from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.truth import against_posterior


def test_the_posterior_of_shapes_is_calibrated_and_their_labels_average_to_it():
    shapes = Shapes("x", 40, seed=3, size=32)
    rounded = np.rint(255 * shapes.posterior).astype(np.uint8)
    assert against_posterior(rounded, shapes.posterior).total < 1e-5
    p, truth = torch.from_numpy(rounded / 255), torch.from_numpy(shapes.posterior)
    expected = Counts.from_probabilities(p, truth, grey_levels=256)
    assert calibration.ece(expected) < 2e-3
    assert expected.pixels == pytest.approx(p.numel())
    np.testing.assert_allclose(
        expected.pooled[1], expected.pooled.sum(0) * expected.probabilities, atol=1
    )


def test_bad_input():
    maps = np.zeros((1, 4), np.uint8)
    with pytest.raises(ValueError, match=r"\(1, 5\).*\(1, 4\)"):
        against_posterior(maps, np.zeros((1, 5)))
    with pytest.raises(ValueError, match="float64"):
        against_posterior(maps / 255, np.zeros((1, 4)))
    with pytest.raises(ValueError, match="labels are NaN"):
        against_posterior(maps, np.full((1, 4), np.nan))
