"""A slope and an offset, against scikit-learn's logistic regression."""

import math

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from test_temperature import at_levels, drawn_counts

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.recalibration import Logistic


def by_sklearn(counts):
    """Each level four times: labels 0 and 1, of background and foreground, by Platt's targets."""
    background, foreground = counts.pooled.astype(float)
    low, high = 1 / (background.sum() + 2), (foreground.sum() + 1) / (foreground.sum() + 2)
    z = np.tile(grey_level_logits(counts.grey_levels), 4)[:, None]
    y = np.repeat([0, 1, 0, 1], counts.grey_levels)
    weights = [background * (1 - low), background * low, foreground * (1 - high), foreground * high]
    solver = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12)
    solver.fit(z, y, np.concatenate(weights))
    return solver.coef_.item(), solver.intercept_.item()


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.4, -0.7), (2.0, 1.5), (-0.5, 0.2)])
def test_it_is_scikit_learn_s_and_what_labels_were_drawn_with(slope, offset):
    posterior = expit(slope * grey_level_logits(256) + offset)
    counts = drawn_counts(posterior)
    fitted = Logistic().fit(counts)
    assert (fitted.slope, fitted.offset) == pytest.approx(by_sklearn(counts), rel=1e-6)
    assert (fitted.slope, fitted.offset) == pytest.approx((slope, offset), abs=0.05)
    of_posterior = Logistic().minimise(Counts(1e6 * np.stack([1 - posterior, posterior])[None]))
    expected = pytest.approx((slope, offset), rel=1e-4, abs=1e-5)  # Platt's targets are not 0 and 1
    assert (of_posterior.slope, of_posterior.offset) == expected


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
    pixels = {95: 98}, {4000: 98}
    slope = math.log(99) / math.log(4000 / 95)
    fitted = Logistic().fit(at_levels(*(reversed(pixels) if contrary else pixels)))
    assert fitted.slope == pytest.approx(-slope if contrary else slope, rel=1e-5)
    assert fitted.offset == pytest.approx(0, abs=1e-6)
