"""A slope and an offset, against scikit-learn's logistic regression."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import level_logits
from aslp_lib.recalibration import Logistic


def drawn(slope, offset, levels=256, seed=0):
    """Levels whose labels are drawn from `sigmoid(slope z + offset)`."""
    rng = np.random.default_rng(seed)
    z = level_logits(levels)
    n = rng.integers(0, 400, levels)
    foreground = rng.binomial(n, 1 / (1 + np.exp(-(slope * z + offset))))
    return Counts(np.stack([n - foreground, foreground])[None])


def by_sklearn(counts):
    """Each level four times: labels 0 and 1, of background and foreground, by Platt's targets."""
    background, foreground = counts.pooled.astype(float)
    low, high = 1 / (background.sum() + 2), (foreground.sum() + 1) / (foreground.sum() + 2)
    z = np.tile(level_logits(counts.grey_levels), 4)[:, None]
    y = np.repeat([0, 1, 0, 1], counts.grey_levels)
    weights = [background * (1 - low), background * low, foreground * (1 - high), foreground * high]
    solver = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
    solver.fit(z, y, np.concatenate(weights))
    return solver.coef_.item(), solver.intercept_.item()


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.4, -0.7), (2.0, 1.5), (-0.5, 0.2)])
def test_it_is_scikit_learn_s_and_finds_what_labels_were_drawn_from(slope, offset):
    counts = drawn(slope, offset)
    fitted = Logistic().fit(counts)
    assert (fitted.slope, fitted.offset) == pytest.approx(by_sklearn(counts), rel=1e-6)
    assert fitted.slope == pytest.approx(slope, abs=0.05)
    assert fitted.offset == pytest.approx(offset, abs=0.05)


def test_expected_counts_are_fitted_too():
    z = level_logits(256)
    posterior = 1 / (1 + np.exp(-(0.6 * z - 0.3)))
    fitted = Logistic().fit(Counts(1e6 * np.stack([1 - posterior, posterior])[None]))
    assert (fitted.slope, fitted.offset) == pytest.approx((0.6, -0.3), rel=1e-5)


def test_at_rest_the_mean_prediction_is_the_mean_target():
    """The offset's slope is zero there."""
    counts = drawn(0.5, 0.8)
    background, foreground = counts.pooled.sum(axis=1)
    fitted = Logistic().fit(counts)
    p = torch.sigmoid(fitted.apply(torch.from_numpy(level_logits(256)))).numpy()
    target = background / (background + 2) + foreground * (foreground + 1) / (foreground + 2)
    assert counts.pooled.sum(axis=0) @ p == pytest.approx(target, rel=1e-9)


@pytest.mark.parametrize("pixels", [5, 400_000])
@pytest.mark.parametrize(("label", "sign"), [(0, -1), (1, 1)])
def test_one_class_alone_has_platt_s_own_answer(label, sign, pixels):
    table = np.zeros((1, 2, 256), np.int64)
    table[0, label] = pixels
    fitted = Logistic().fit(Counts(table))
    assert fitted.slope == pytest.approx(0, abs=1e-6)
    assert fitted.offset == pytest.approx(sign * math.log(pixels * 256 + 1), rel=1e-6)


@pytest.mark.parametrize("contrary", [False, True])
def test_separate_labels_have_a_finite_slope(contrary):
    """Right (or wrong) at two levels: `sigmoid(a z + b)` is the target, at both."""
    table = np.zeros((1, 2, 4096), np.int64)
    table[0, [0, 1], [4000, 95] if contrary else [95, 4000]] = 98
    z = math.log(4000 / 95)  # of the upper level
    slope = math.log(99) / z
    fitted = Logistic().fit(Counts(table))
    assert fitted.slope == pytest.approx(-slope if contrary else slope, rel=1e-5)
    assert fitted.offset == pytest.approx(0, abs=1e-6)


def test_where_platt_s_targets_would_raise_the_nll_the_identity_is_kept():
    """Certain and right: 99 in 100 is less than the levels say."""
    table = np.zeros((1, 2, 4096), np.int64)
    table[0, [0, 1], [0, 4095]] = 98
    assert Logistic().minimise(Counts(table)).slope < 1
    assert Logistic().fit(Counts(table)) == Logistic()


def test_one_level_alone_gets_its_share():
    table = np.zeros((1, 2, 256), np.int64)
    table[0, :, 7] = 98, 98
    fitted = Logistic().fit(Counts(table))
    assert fitted.apply(torch.tensor(level_logits(256)[7])).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("value", [math.inf, math.nan, "2", None, -1.1e18, 10**400])
@pytest.mark.parametrize("name", ["slope", "offset"])
def test_its_numbers_are_numbers(name, value):
    with pytest.raises(ValueError, match=f"the {name} is .* but must be a number"):
        Logistic(**{name: value})


def test_decisions_move_with_the_offset():
    logits = torch.tensor([-0.5, 0.5])
    assert (Logistic(1.0, 1.0).apply(logits) > 0).tolist() == [True, True]
    table = np.zeros((1, 2, 256), np.int64)
    table[0, 1, 100] = 9  # p = 100/255: right only with the offset
    assert calibration.accuracy(Logistic(1.0, 1.0).apply_counts(Counts(table))) == 1.0
