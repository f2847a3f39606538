"""Two temperatures, against scipy's minimum in both of the NLL of the logits themselves."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn.functional import binary_cross_entropy_with_logits

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Temperature, TwoTemperatures


def drawn(foreground, background, seed=0):
    """Logits that are so many times too large on either side, for labels drawn from them."""
    generator = torch.Generator().manual_seed(seed)
    right = 1.3 * torch.randn(4, 1, 64, 64, generator=generator, dtype=torch.float64) - 0.5
    labels = torch.bernoulli(torch.sigmoid(right), generator=generator)
    return torch.where(right > 0, foreground * right, background * right), labels


def counted(logits, labels, levels=4096):
    return Counts.from_probabilities(torch.sigmoid(logits), labels, levels)


@pytest.mark.parametrize(("foreground", "background"), [(1.8, 0.6), (1.0, 1.0), (0.5, 2.5)])
def test_both_are_scipy_s(foreground, background):
    logits, labels = drawn(foreground, background)

    def nll(logs):
        both = np.exp(logs)
        scaled = torch.where(logits > 0, logits / both[0], logits / both[1])
        return binary_cross_entropy_with_logits(scaled, labels).item()

    expected = np.exp(minimize(nll, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-6}).x)
    fitted = TwoTemperatures().fit(counted(logits, labels))
    assert (fitted.foreground, fitted.background) == pytest.approx(expected, rel=3e-3)
    assert fitted.foreground == pytest.approx(foreground, rel=0.1)
    assert fitted.background == pytest.approx(background, rel=0.1)


def test_of_sides_that_mirror_each_other_both_are_the_one_temperature():
    logits, labels = drawn(1.7, 1.7)
    counts = counted(logits, labels)
    both = Counts(counts.table + counts.table[:, ::-1, ::-1])
    fitted, one = TwoTemperatures().fit(both), Temperature().fit(both)
    assert (fitted.foreground, fitted.background) == pytest.approx((one.value, one.value))


@pytest.mark.parametrize("side", ["foreground", "background"])
def test_a_side_without_pixels_takes_the_other_s(side):
    logits, labels = drawn(1.7, 1.7)
    kept = logits.abs() if side == "foreground" else -logits.abs()
    labels = (labels == (logits > 0)).double() if side == "foreground" else labels
    counts = counted(kept, labels)
    with pytest.warns(RuntimeWarning, match=f"all is predicted {side}: its temperature, "):
        fitted = TwoTemperatures().fit(counts)
    assert fitted.foreground == fitted.background == Temperature().fit(counts).value


def test_a_side_that_is_all_right_takes_the_end_and_says_which():
    """Background alone: what is predicted background is right, and foreground wrong."""
    logits, _ = drawn(1.0, 1.0)
    ends = "no temperature of predicted (foreground|background) from .*, (100|0.01) is taken"
    with pytest.warns(RuntimeWarning, match=ends) as warned:
        fitted = TwoTemperatures().fit(counted(logits, torch.zeros_like(logits)))
    assert (fitted.foreground, fitted.background) == (100.0, 0.01)
    assert len(warned) == 2
    assert fitted.describe().count("an end of the range") == 2


@pytest.mark.parametrize(("foreground", "background"), [(0.2, 5.0), (100.0, 0.01)])
@pytest.mark.parametrize("levels", [256, 4096])
def test_decisions_stay_at_every_pixel(foreground, background, levels):
    logits, labels = drawn(1.0, 1.0)
    changed = TwoTemperatures(foreground, background).apply(logits.float())
    assert changed.dtype == torch.float32
    assert torch.equal(changed > 0, logits > 0)
    before = counted(logits, labels, levels)
    after = TwoTemperatures(foreground, background).apply_counts(before)
    assert calibration.accuracy(after) == calibration.accuracy(before)


def test_zero_stays_zero_and_nan_stays_nan():
    after = TwoTemperatures(2.0, 0.5).apply(torch.tensor([0.0, -0.0, math.nan, 4.0, -4.0]))
    assert after[:2].tolist() == [0.0, 0.0]
    assert after[2].isnan()
    assert after[3:].tolist() == [2.0, -8.0]


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, "2", None])
@pytest.mark.parametrize("side", ["foreground", "background"])
def test_temperatures_are_positive_numbers(side, value):
    with pytest.raises(ValueError, match="must be a positive number"):
        TwoTemperatures(**{side: value})
