import numpy as np
import pytest
import torch

from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.truth import against_posterior


def expected_counts(maps, truth) -> Counts:
    p = torch.from_numpy(maps / 255)
    return Counts.from_probabilities(p, torch.from_numpy(truth), grey_levels=256)


def test_parts_by_hand():
    """Two pixels at 0.4 whose truths are 0.2 and 0.8: c = 0.5 is off by 0.1, each by 0.3 from c."""
    parts = against_posterior(np.array([[102, 102]], np.uint8), np.array([[0.2, 0.8]]))
    assert parts.total == pytest.approx((0.2**2 + 0.4**2) / 2)
    assert parts.calibration == pytest.approx(0.1**2)
    assert parts.grouping == pytest.approx(0.3**2)


def test_parts_equal_a_loop_over_grey_levels():
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 20, (3, 8, 9)).astype(np.uint8) * 12
    truth = rng.random((3, 8, 9))
    apart = 0.0
    for v in np.unique(maps):
        apart += ((maps == v).mean()) * truth[maps == v].var()
    parts = against_posterior(maps, truth)
    assert parts.grouping == pytest.approx(apart, abs=1e-9)
    assert parts.total == pytest.approx(((maps / 255 - truth) ** 2).mean(), abs=1e-9)


def test_expected_counts_average_what_annotators_draw():
    """Redrawing the labels from the posterior gives the expected table in the mean."""
    rng = np.random.default_rng(1)
    maps = rng.integers(0, 3, (2, 30)).astype(np.uint8) * 100
    truth = rng.random((2, 30))
    expected = expected_counts(maps, truth)
    drawn = np.zeros_like(expected.table)
    for _ in range(4000):
        labels = (rng.random(truth.shape) < truth).astype(np.uint8)
        for i in range(2):
            drawn[i] += Counts.from_map(maps[i : i + 1], labels[i : i + 1]).table[0]
    np.testing.assert_allclose(drawn / 4000, expected.table, atol=0.15)
    assert expected.pixels == pytest.approx(60)


def test_the_shapes_posterior_is_calibrated():
    shapes = Shapes("x", 40, seed=3, size=32)
    rounded = np.rint(255 * shapes.posterior).astype(np.uint8)
    parts = against_posterior(rounded, shapes.posterior)
    assert parts.total < 1e-5
    assert calibration.ece(expected_counts(rounded, shapes.posterior)) < 2e-3


def test_bad_input():
    maps = np.zeros((1, 4), np.uint8)
    with pytest.raises(ValueError, match=r"\(1, 4\).*\(1, 5\)"):
        against_posterior(maps, np.zeros((1, 5)))
    with pytest.raises(ValueError, match="float64"):
        against_posterior(maps / 255, np.zeros((1, 4)))
    with pytest.raises(ValueError, match="not be NaN"):
        against_posterior(maps, np.full((1, 4), np.nan))
