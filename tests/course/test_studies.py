import numpy as np
import pytest
import torch
from scipy.stats import ttest_1samp

from aslp_lib.course.lessons.evaluation import bias_study, calibrated, coverage_study, power
from aslp_lib.course.lessons.remedies import by_predicted_class
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


def population(images=400, seed=0):
    """Maps at 0.8 whose images are right at rates of their own around 0.7: 0.1 over-confident."""
    rng = np.random.default_rng(seed)
    table = np.zeros((images, 2, 256), np.int64)
    table[:, 1, 204] = rng.binomial(60, rng.uniform(0.5, 0.9, images))
    table[:, 0, 204] = 60 - table[:, 1, 204]
    return Counts(table)


def test_the_calibrated_twin_predicts_the_same_and_keeps_its_promises():
    counts = population()
    twin = calibrated(counts)
    np.testing.assert_allclose(twin.table.sum(axis=(0, 1)), counts.pooled.sum(axis=0))
    for score in (calibration.ece, calibration.mce, calibration.ks):
        assert score(twin) == pytest.approx(0, abs=1e-12)


def floats(images=20, seed=1):
    """Logits far beyond the last grey level, and their labels, as tensors and as counts."""
    rng = np.random.default_rng(seed)
    z, y = torch.tensor(rng.normal(0, 15, (images, 50))), torch.tensor(rng.integers(0, 2, (50,)))
    return z, y.expand_as(z), Counts.from_logits(z, y.expand_as(z))


def test_floats_are_divided_by_their_predicted_class():
    z, y, counts = floats()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y.double(), reduction="none")
    for part, kept in zip(by_predicted_class(counts), (z < 0, z >= 0), strict=True):
        assert part.pixels == kept.sum()
        assert calibration.nll(part) == pytest.approx(loss[kept].mean().item())
        right = ((z >= 0) == (y == 1))[kept].double().mean()
        assert calibration.accuracy(part) == pytest.approx(right.item())


@pytest.mark.claim(
    "scores",
    "The plain ECE of a calibrated forecast is above 0, and halves if there are four times as "
    "many pixels",
    "evaluation: Would a perfect network have an ECE of zero?",
)
def test_plain_ece_of_a_calibrated_forecast_halves_where_the_sample_grows_fourfold():
    """One level at 0.8: |accuracy - 0.8| of n pixels has the mean of a folded normal."""
    found = bias_study(calibrated(population()), {"ece": calibration.ece}, [400, 1600], 4000)
    mean = found["ece"].mean(axis=1)
    folded = np.sqrt(2 / np.pi) * np.sqrt(0.8 * 0.2 / np.array([400, 1600]))
    np.testing.assert_allclose(mean, folded, rtol=0.05)


@pytest.mark.slow
def test_coverage_tells_intervals_over_images_from_intervals_over_pixels():
    def gap(sums):
        return (sums.confidence - sums.positive).sum(axis=1) / sums.pixels.sum(axis=1)

    found, intervals = coverage_study(population(), gap, images=50, resamples=200)
    truth = 0.8 - population().table[:, 1].sum() / population().pixels
    assert found == pytest.approx(truth)
    covered = {kind: sum(a <= truth <= b for a, b in ends) for kind, ends in intervals.items()}
    assert covered["images"] >= 90 and covered["pixels"] < 80


def test_power_is_the_share_of_simulated_trials_that_resolve_the_difference():
    trials = np.random.default_rng(0).normal(0.6, 1, (20_000, 8))
    share = (ttest_1samp(trials, 0, axis=1).pvalue <= 0.05).mean()
    assert power([0.6], seeds=8) == pytest.approx(share, abs=0.015)  # 4 standard errors
    assert power([0.0], seeds=8) == pytest.approx(0.05)
    assert power([-0.6], seeds=8) == pytest.approx(power([0.6], seeds=8))
