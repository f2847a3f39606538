"""Counts of floats against exact fits, scikit-learn and sums over pixels."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import average_precision_score, roc_auc_score

from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.float_levels import CENTRES, EDGES, FLOAT_LEVELS, level_of, nearest_grey
from aslp_lib.metrics.temperature import scaled_nll
from aslp_lib.recalibration import ClassWiseTemperature, Histogram, Isotonic, Logistic, Temperature

PIXELS = 200_000


def network(scale=1.0, offset=0.0, seed=0):
    """Logits of an overconfident network, in float32, and labels."""
    rng = np.random.default_rng(seed)
    calibrated = rng.normal(offset, 3, PIXELS)
    labels = rng.random(PIXELS) < expit(calibrated)
    return (scale * calibrated).astype(np.float32), labels


def two_values():
    """Logits of ±2, and one in a thousand is wrong at ±100."""
    rng = np.random.default_rng(0)
    labels = rng.random(PIXELS) < 0.5
    right = rng.random(PIXELS) < 0.86
    z = np.where(labels == right, 2.0, -2.0)
    far = rng.random(PIXELS) < 0.001
    return np.where(far, np.where(labels, -100, 100), z).astype(np.float32), labels


CASES = {
    "calibrated": network(),
    "large": network(5),
    "very large": network(80),
    "small": network(0.1),
    "rare foreground": network(0.3, offset=-12),
    "two values": two_values(),
}
WITHIN_64 = ("calibrated", "large", "small", "rare foreground")


def counted(z, labels):
    return Counts.from_logits(torch.from_numpy(z)[None], torch.from_numpy(labels)[None].long())


def exact_nll(z, labels, temperature=1.0):
    return np.logaddexp(0, np.where(labels, -1, 1) * z.astype(np.float64) / temperature).mean()


def test_levels_are_ordered_and_hold_their_centres():
    assert len(CENTRES) == FLOAT_LEVELS == len(EDGES) + 1
    assert (np.diff(CENTRES) > 0).all() and (np.diff(EDGES) > 0).all()
    np.testing.assert_array_equal(CENTRES, -CENTRES[::-1])
    grey = nearest_grey(expit(CENTRES), CENTRES)
    np.testing.assert_array_equal(level_of(grey, CENTRES), np.arange(FLOAT_LEVELS))
    z = np.random.default_rng(0).normal(0, 30, 10_000)
    expected = np.searchsorted(EDGES, z, side="right")
    np.testing.assert_array_equal(level_of(nearest_grey(expit(z), z), z), expected)
    tensors = torch.from_numpy(nearest_grey(expit(z), z)), torch.from_numpy(z)
    np.testing.assert_array_equal(level_of(*tensors).numpy(), expected)


def test_the_sign_of_a_logit_decides():
    z = np.array([[-1e-20, -0.0, 0.0, 1e-20]])
    of_map = Counts.from_floats(z, np.ones_like(z, int), logits=True)
    for counts in (counted(z[0], np.ones(4)), of_map):
        assert calibration.accuracy(counts) == 0.75


@pytest.mark.parametrize("name", CASES)
def test_a_temperature_and_its_nll_are_those_of_an_exact_fit(name):
    z, labels = CASES[name]
    counts = counted(z, labels)
    exact = minimize_scalar(
        lambda log: exact_nll(z, labels, np.exp(log)),
        bounds=np.log([0.01, 100]),
        method="bounded",
        options={"xatol": 1e-8},
    )
    expected = min(max(np.exp(exact.x), 0.01), 100)
    assert Temperature().fit(counts).value.item() == pytest.approx(expected, rel=1e-3)
    assert scaled_nll(counts) == pytest.approx(exact.fun, abs=1e-5)
    assert calibration.nll(counts) == pytest.approx(exact_nll(z, labels), abs=1e-5, rel=1e-6)


@pytest.mark.parametrize("name", WITHIN_64)
def test_ranks_are_those_of_scikit_learn_and_no_temperature_changes_them(name):
    z, labels = CASES[name]
    counts = counted(z, labels)
    average_precision = saliency.average_precision, average_precision_score
    for ours, theirs in ((saliency.auc, roc_auc_score), average_precision):
        assert ours(counts) == pytest.approx(theirs(labels, z), abs=1e-3)
        for temperature in (0.2, 5.3):
            assert ours(Temperature(temperature).apply_counts(counts)) == ours(counts)
    fitted = Histogram(bins=3).fit(counts)  # which makes logits equal: they are ties
    told = saliency.auc(fitted.apply_counts(counts))
    after = fitted(torch.from_numpy(z)).numpy()
    assert told == pytest.approx(roc_auc_score(labels, after), abs=1e-6)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", [Temperature, ClassWiseTemperature, Logistic, Isotonic, Histogram])
def test_no_fit_raises_the_nll_of_its_pixels_and_counts_tell_that_of_the_maps(kind, name):
    z, labels = CASES[name]
    counts = counted(z, labels)
    fitted = kind().fit(counts)
    after = fitted(torch.from_numpy(z).double()).numpy()
    told = calibration.nll(fitted.apply_counts(counts))
    assert told == pytest.approx(exact_nll(after, labels), abs=1e-5)
    assert exact_nll(after, labels) <= exact_nll(z, labels) + 1e-7
    for score in (calibration.ece, calibration.accuracy, saliency.auc):
        rescored = score(counted(after.astype(np.float32), labels))
        assert score(fitted.apply_counts(counts)) == pytest.approx(rescored, abs=1e-3)


@pytest.mark.fault
def test_sets_that_were_recalibrated_one_by_one_are_not_joined():
    first, second = (counted(*network(seed=seed)) for seed in (1, 2))
    scaled = Temperature(3.0).apply_counts(Counts.join([first, second]))
    assert calibration.nll(Counts.join([scaled[:1], scaled[1:]])) == calibration.nll(scaled)
    for other in (second, Temperature(3.0).apply_counts(second)):
        with pytest.raises(ValueError, match=r"recalibrated one by one.*Join them before"):
            Counts.join([Temperature(3.0).apply_counts(first), other])


def test_sets_are_joined_where_only_one_has_extreme_predictions():
    """Logits beyond the last edge; and 1 in half precision, which stands for a smaller logit."""
    labels = np.uint8([[1, 1, 0]])
    far = [Counts.from_floats(np.array([[z, 2.0, z]]), labels, logits=True) for z in (3, 5e3, 9e5)]
    half = [
        Counts.from_floats(np.array([[p, 0.7, p]], t), labels)
        for p, t in ((0.75, np.float32), (1, np.float16), (1, np.float32), (0.9999, np.float64))
    ]
    for sets in (far, half):
        mean = np.mean([calibration.nll(part) for part in sets])
        assert calibration.nll(Counts.join(sets)) == pytest.approx(mean, rel=1e-9)


@pytest.mark.fault
def test_logits_whose_sum_would_overflow_are_refused():
    labels = np.uint8([[0, 1, 1, 1]])
    for value in (1.7e308, np.inf):
        z = np.full((1, 4), value)
        with pytest.raises(ValueError, match="in the range of float32"):
            Counts.from_floats(z, labels, logits=True)
        with pytest.raises(ValueError, match="in the range of float32"):
            Counts.from_logits(torch.from_numpy(z), torch.from_numpy(labels))
    largest = np.full((1, 4), np.finfo(np.float32).max)
    counts = Counts.from_floats(largest, labels, logits=True)
    assert calibration.nll(counts) == pytest.approx(largest[0, 0] / 4)
