"""One temperature, against scipy's minimum of the NLL of the logits themselves."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch.nn.functional import binary_cross_entropy_with_logits

from aslp_lib.course import recorded
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import level_logits
from aslp_lib.recalibration import Temperature
from aslp_lib.training.validation import validate


def drawn(temperature: float, spread: float = 1.5, seed: int = 0, images: int = 4):
    """Logits that are `temperature` times too large for labels drawn from them."""
    generator = torch.Generator().manual_seed(seed)
    right = spread * torch.randn(images, 1, 64, 64, generator=generator, dtype=torch.float64)
    labels = torch.bernoulli(torch.sigmoid(right), generator=generator)
    return temperature * right, labels


def counted(logits, labels, levels: int = 4096) -> Counts:
    return Counts.from_probabilities(torch.sigmoid(logits), labels, levels)


def by_scipy(logits, labels) -> float:
    def nll(log_temperature):
        return binary_cross_entropy_with_logits(logits / math.exp(log_temperature), labels).item()

    return math.exp(minimize_scalar(nll, bounds=(-4, 4), options={"xatol": 1e-10}).x)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.8])
def test_counts_and_logits_have_the_same_best_temperature(temperature):
    logits, labels = drawn(temperature)
    fitted = Temperature().fit(counted(logits, labels))
    assert fitted.value == pytest.approx(by_scipy(logits, labels), rel=2e-3)
    assert fitted.value == pytest.approx(temperature, rel=0.05)


def test_logits_on_levels_are_fitted_to_the_solver_s_precision():
    """Where the counts round nothing, their optimum is the logits'."""
    levels = 256
    rng = np.random.default_rng(0)
    level = torch.from_numpy(rng.integers(0, levels, (3, 500)))
    labels = torch.from_numpy(rng.random((3, 500)) < 0.3 + 0.4 * level.numpy() / levels).double()
    fitted = Temperature().fit(Counts.from_probabilities(level / (levels - 1), labels, levels))
    logits = torch.from_numpy(level_logits(levels))[level]
    assert fitted.value == pytest.approx(by_scipy(logits, labels), rel=1e-6)
    inverse = torch.tensor(1 / fitted.value, dtype=torch.float64, requires_grad=True)
    binary_cross_entropy_with_logits(logits * inverse, labels).backward()
    assert abs(inverse.grad.item()) < 1e-12


def test_expected_counts_are_fitted_too():
    """Of a posterior that is known: the temperature is exact but for the levels."""
    logits, _ = drawn(1.7)
    posterior = torch.sigmoid(logits / 1.7)
    assert Temperature().fit(counted(logits, posterior)).value == pytest.approx(1.7, rel=2e-3)


def test_one_class_alone_has_a_temperature_if_some_decisions_are_wrong():
    logits = drawn(1.5)[0] - 2
    labels = torch.zeros_like(logits)
    fitted = Temperature().fit(counted(logits, labels))
    assert fitted.value == pytest.approx(by_scipy(logits, labels), rel=2e-3)


@pytest.mark.parametrize(
    ("label", "end", "why"),
    [
        (lambda logits: logits > 0, 0.01, "0.01 is taken: every decision is right"),
        (lambda logits: logits < 0, 100.0, "100 is taken: the logits say nothing of the labels"),
        (lambda logits: torch.ones_like(logits), 0.01, "every decision is right"),
    ],
    ids=["separable", "contrary", "one class, all of it right"],
)
def test_without_a_best_temperature_an_end_is_taken_and_said(label, end, why):
    logits, _ = drawn(1.0)
    if why == "every decision is right":
        logits = logits.abs() + 0.1
    with pytest.warns(RuntimeWarning, match=why):
        fitted = Temperature().fit(counted(logits, label(logits).double()))
    assert fitted.value == end
    assert "an end of the range" in fitted.describe()


def test_where_surer_is_ever_better_by_less_than_a_number_holds_an_end_is_taken():
    """Certain and right: at T = 0.01 the slope is e^-901, 0 in float64."""
    table = np.zeros((1, 2, 4096), np.int64)
    table[0, 0, 0] = table[0, 1, 4095] = 5
    with pytest.warns(RuntimeWarning, match="0.01 is taken: every decision is right"):
        assert Temperature().fit(Counts(table)).value == 0.01


def test_logits_beyond_the_last_level_count_as_if_they_were_there():
    logits, labels = drawn(6.0)
    fitted = Temperature().fit(counted(logits, labels))
    clipped = by_scipy(logits.clamp(-9.01, 9.01), labels)
    assert fitted.value == pytest.approx(clipped, rel=1e-2)
    assert fitted.value < by_scipy(logits, labels)


def test_a_certainty_that_is_wrong_has_a_finite_price():
    """As in `calibration.nll`."""
    table = np.zeros((1, 2, 4096), np.int64)
    table[0, :, 4095] = 1, 3
    z = math.log(8189)  # of 1 - 1 / 8190, half a level from the end
    assert level_logits(4096)[-1] == pytest.approx(z, rel=1e-12)
    # Three of four are right: sigmoid(z / T) = 3/4.
    assert Temperature().fit(Counts(table)).value == pytest.approx(z / math.log(3), rel=1e-12)


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan, "2", None, 1e-39, 4e38, 10**400])
def test_a_temperature_is_a_positive_number(value):
    with pytest.raises(ValueError, match="must be a positive number"):
        Temperature(value)


def test_a_temperature_of_one_changes_nothing():
    logits, labels = drawn(1.0)
    counts = counted(logits, labels)
    assert torch.equal(Temperature().apply(logits), logits)
    np.testing.assert_array_equal(Temperature().apply_counts(counts).table, counts.table)


@pytest.mark.parametrize("value", [0.2, 3.0, 100.0])
@pytest.mark.parametrize("levels", [256, 4096])
def test_decisions_stay_at_every_pixel(value, levels):
    logits, labels = drawn(1.0)
    changed = Temperature(value).apply(logits.float())
    assert changed.dtype == torch.float32
    assert torch.equal(changed > 0, logits > 0)
    before = counted(logits, labels, levels)
    after = Temperature(value).apply_counts(before)
    assert calibration.accuracy(after) == calibration.accuracy(before)
    half = levels // 2
    for part in (slice(half), slice(half, None)):
        np.testing.assert_array_equal(
            after.table[..., part].sum(axis=2), before.table[..., part].sum(axis=2)
        )


@pytest.mark.parametrize("value", [0.7, 2.5])
def test_counts_change_as_their_pixels_do(value):
    logits, labels = drawn(2.0)
    temperature = Temperature(value)
    pixels = counted(temperature.apply(logits), labels)
    counts = temperature.apply_counts(counted(logits, labels))
    np.testing.assert_array_equal(counts.table.sum(axis=2), pixels.table.sum(axis=2))
    for score in (calibration.ece, calibration.brier, calibration.confidence, calibration.nll):
        assert score(counts) == pytest.approx(score(pixels), abs=5e-4)


@pytest.mark.slow
def test_the_shipped_bce_network_is_mended_by_one_temperature():
    """METHOD.md's trial: 10.0 % becomes 2.6 at T = 2.50, at the same accuracy."""
    network, data = recorded.load("bce"), recorded.SETTINGS.load_data()
    fitted = Temperature().fit(validate(network, data.validation, recorded.SETTINGS))
    assert fitted.value == pytest.approx(2.505, abs=0.01)

    class Recalibrated(torch.nn.Module):
        def forward(self, images):
            return fitted.apply(network(images))

    test = data.tests["test"]
    before = validate(network, test, recorded.SETTINGS)
    after = validate(Recalibrated(), test, recorded.SETTINGS)
    assert calibration.ece(before) == pytest.approx(0.1003, abs=1e-3)
    assert calibration.ece(after) == pytest.approx(0.0265, abs=1e-3)
    assert calibration.accuracy(after) == calibration.accuracy(before)
    assert calibration.ece(fitted.apply_counts(before)) == pytest.approx(
        calibration.ece(after), abs=5e-4
    )
