"""Any rising function of the logit, against scikit-learn's isotonic regression."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.isotonic import IsotonicRegression

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import level_logits
from aslp_lib.recalibration import Isotonic


def drawn(levels=256, seed=0, most=60):
    """Few pixels a level, some none, so that neighbours violate the order."""
    rng = np.random.default_rng(seed)
    n = rng.integers(0, most, levels) * (rng.random(levels) < 0.8)
    foreground = rng.binomial(n, np.linspace(0.05, 0.8, levels))
    return Counts(np.stack([n - foreground, foreground])[None])


def changed_levels(fitted, levels):
    return fitted.apply(torch.from_numpy(level_logits(levels))).numpy()


def as_probabilities(logits):
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize("levels", [16, 256, 4096])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_scikit_learn_s(levels, seed):
    counts = drawn(levels, seed)
    background, foreground = counts.pooled
    pixels = background + foreground
    there = pixels > 0
    solver = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    solver.fit(np.arange(levels)[there], foreground[there] / pixels[there], pixels[there])
    expected = solver.predict(np.arange(levels))
    half = 0.5 / (levels - 1)
    after = as_probabilities(changed_levels(Isotonic().fit(counts), levels))
    np.testing.assert_allclose(after[there], expected.clip(half, 1 - half)[there], rtol=1e-9)
    first, last = np.flatnonzero(there)[[0, -1]]
    np.testing.assert_array_equal(after[:first], after[first])
    np.testing.assert_array_equal(after[last:], after[last])


def test_violators_are_pooled_by_hand():
    """Shares 0, 2/4, 1/4, 1: the middle two fall, and become 3/8 together."""
    table = np.array([[[3, 0, 2, 0, 0, 3, 0, 0], [0, 0, 2, 0, 0, 1, 0, 5]]])
    fitted = Isotonic().fit(Counts(table))
    z = level_logits(8)
    end, middle = math.log(13), math.log(3 / 5)  # half a level of 8 is 1/14
    assert fitted.logits == pytest.approx((z[0], z[2], z[5], z[7]))
    assert fitted.values == pytest.approx((-end, middle, middle, end))
    half_way = torch.tensor([(z[5] + z[7]) / 2, -50.0, 50.0, -math.inf, math.inf])
    expected = [(middle + end) / 2, -end, end, -end, end]
    assert fitted.apply(half_way).tolist() == pytest.approx(expected, rel=1e-6)


def test_no_rising_function_of_the_levels_has_less_nll():
    """As the staircase moves any single step, or any prefix, the NLL rises."""
    counts = drawn(64)
    background, foreground = counts.pooled
    values = changed_levels(Isotonic().fit(counts), 64)

    def nll(z):
        return background @ np.logaddexp(0, z) + foreground @ np.logaddexp(0, -z)

    rng, best, bound = np.random.default_rng(1), nll(values), level_logits(64)[-1]
    for _ in range(300):
        step = np.sort(rng.normal(0, 3, 64)) if rng.random() < 0.5 else level_logits(64)
        other = values + rng.uniform(0, 1) * (step - values)  # both rise, so does what is between
        assert nll(np.clip(other, -bound, bound)) >= best - 1e-9


def test_it_rises_and_lowers_the_nll_of_what_it_was_fitted_on():
    counts = drawn(4096)
    fitted = Isotonic().fit(counts)
    z = torch.linspace(-12, 12, 5001)
    assert (fitted.apply(z).diff() >= 0).all()
    assert calibration.nll(fitted.apply_counts(counts)) < calibration.nll(counts)


@pytest.mark.parametrize(("label", "sign"), [(0, -1), (1, 1)])
def test_one_class_alone_is_as_sure_as_half_a_level(label, sign):
    table = np.zeros((1, 2, 256), np.int64)
    table[0, label, [3, 90, 200]] = 7
    fitted = Isotonic().fit(Counts(table))
    assert fitted.apply(torch.tensor([-20.0, 0.0, 20.0])).tolist() == pytest.approx(
        [sign * math.log(509)] * 3
    )
    assert fitted.describe() == "one step"


def test_one_level_alone_gets_its_share():
    table = np.zeros((1, 2, 256), np.int64)
    table[0, :, 7] = 3, 1
    fitted = Isotonic().fit(Counts(table))
    assert fitted.apply(torch.tensor([-20.0, 20.0])).tolist() == pytest.approx([-math.log(3)] * 2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_it_keeps_shape_and_precision(dtype):
    fitted = Isotonic().fit(drawn(4096))
    z = torch.linspace(-9, 9, 60, dtype=torch.float64).view(3, 1, 4, 5)
    after = fitted.apply(z.to(dtype))
    assert after.dtype == dtype and after.shape == z.shape
    oracle = np.interp(z.to(dtype).double(), fitted.logits, fitted.values)
    np.testing.assert_allclose(after.double(), oracle, atol=40 * torch.finfo(dtype).eps)


@pytest.mark.fault("a logit is NaN where a staircase is applied", "it stays NaN, to be refused")
def test_nan_stays_nan():
    fitted = Isotonic((-1.0, 1.0), (0.0, 2.0))
    assert fitted.apply(torch.tensor([math.nan, 0.0])).isnan().tolist() == [True, False]


@pytest.mark.parametrize(
    ("logits", "values", "message"),
    [
        ((1.0,), (1.0,), "1 logits and 1 values"),
        ((1.0, 2.0), (1.0,), "2 logits and 1 values"),
        ((1.0, math.nan), (1.0, 2.0), "logit of a step is nan"),
        ((1.0, 2.0), (1.0, math.inf), "value of a step is inf"),
        ((1.0, 1e39), (1.0, 2.0), "must be a number of 1e.18 at most"),
        ((1.0, "2"), (1.0, 2.0), "logit of a step is '2'"),
        ((2.0, 1.0), (1.0, 2.0), "logits must rise"),
        ((1.0, 1.0 + 1e-12), (1.0, 2.0), "logits must rise"),
        ((1.0, 2.0), (2.0, 1.0), "values not fall"),
    ],
)
def test_what_is_no_staircase_is_refused(tmp_path, logits, values, message):
    with pytest.raises(ValueError, match=message):
        Isotonic(logits, values)
    path = tmp_path / "isotonic.json"
    held = {"kind": "isotonic", "version": 1, "logits": logits, "values": values}
    path.write_text(json.dumps(held))
    with pytest.raises(ValueError, match=r"isotonic\.json cannot be used"):
        Isotonic.load(path)


def test_its_file_is_small(tmp_path):
    """Of 4096 levels the ends of steps alone."""
    fitted = Isotonic().fit(drawn(4096, most=2000))
    assert len(fitted.logits) <= 2 * len(set(fitted.values))
    assert len(set(fitted.values)) < 400
    assert all(a < b for a, b in pairwise(fitted.logits))
