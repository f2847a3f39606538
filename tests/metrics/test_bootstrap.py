import numpy as np
import pytest

from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.bootstrap import (
    Resamples,
    bounds,
    difference,
    error_bounds,
    interval,
    middle,
    reliability_interval,
)
from aslp_lib.metrics.counts import Counts


def simulate(rng, images, pixels=60, spread=0.15):
    """Maps at 0.8 everywhere whose images are right with a rate of their own, 0.8 +- spread: pixels
    of an image are alike, as on real maps. The true gap is 0."""
    rates = np.clip(0.8 + spread * rng.uniform(-1, 1, images), 0, 1)
    table = np.zeros((images, 2, 256), np.int64)
    table[:, 1, 204] = rng.binomial(pixels, rates)
    table[:, 0, 204] = pixels - table[:, 1, 204]
    return Counts(table)


def random_counts(images=9):
    table = np.random.default_rng(6).integers(0, 4, (images, 2, 256))
    table[2, 1] = 0  # no foreground: no F
    return Counts(table)


@pytest.mark.parametrize(
    "score",
    [calibration.ece, saliency.max_f, saliency.max_f_mean_pr, saliency.mean_e, saliency.mae],
)
def test_resampling_counts_equals_resampling_images(score):
    """Scores of pooled pixels and means over images; two methods on the same resamples too."""
    counts, other = random_counts(), Counts(random_counts().table[:, :, ::-1].copy())
    draws = np.random.default_rng(3).multinomial(9, np.full(9, 1 / 9), size=40)
    resampled = [np.repeat(np.arange(9), d) for d in draws]
    oracle = np.array([score(counts[images]) for images in resampled])
    ours = interval(counts, score, resamples=40, seed=3)
    assert ours.value == pytest.approx(score(counts))
    assert (ours.low, ours.high) == pytest.approx(tuple(np.quantile(oracle, [0.025, 0.975])))
    assert ours != interval(counts, score, resamples=40)  # of seed 0
    oracle -= [score(other[images]) for images in resampled]
    ours = difference(counts, other, score, resamples=40, confidence_level=0.8, seed=3)
    assert ours.value == pytest.approx(score(counts) - score(other))
    assert (ours.low, ours.high) == pytest.approx(tuple(np.quantile(oracle, [0.1, 0.9])))


def test_there_are_1000_resamples_of_seed_0_and_95_percent_unless_asked_otherwise():
    counts = random_counts()
    same = {"resamples": 1000, "confidence_level": 0.95, "seed": 0}
    for function in (interval, bounds):
        assert function(counts, calibration.ece) == function(counts, calibration.ece, **same)
    np.testing.assert_array_equal(
        reliability_interval(counts), reliability_interval(counts, 10, "prediction", **same)
    )
    assert difference(counts, counts[::-1], calibration.ece) == difference(
        counts, counts[::-1], calibration.ece, **same
    )
    assert middle(np.arange(1001.0)) == pytest.approx((25, 975))
    assert middle(np.arange(1001.0), 0.5) == pytest.approx((250, 750))


def test_a_score_that_the_set_does_not_have_has_no_interval():
    without = interval(Counts(random_counts().table * [[[1], [0]]]), saliency.max_f)
    assert not without.defined
    assert np.isnan([without.low, without.high]).all()


@pytest.mark.parametrize("of", ["prediction", "foreground"])
def test_intervals_of_bins_are_of_resampled_diagrams(of):
    """Also where a resample has no pixel of a bin."""
    counts = random_counts()
    counts.table[:, :, :64] = counts.table[:, :, 192:] = 0
    counts.table[3, 1, 255] = 2
    drawn = Resamples(counts, 60, 1).pooled
    accuracy = np.array([calibration.reliability(each, 5, of).accuracy for each in drawn])
    filled = ~np.isnan(accuracy).all(axis=0)
    assert np.isnan(accuracy[:, filled]).any()
    oracle = np.nanquantile(accuracy[:, filled], [0.1, 0.9], axis=0)
    ours = reliability_interval(counts, 5, of, resamples=60, confidence_level=0.8, seed=1)
    np.testing.assert_allclose(np.array(ours)[:, filled], oracle, rtol=1e-14)
    assert np.isnan(np.array(ours)[:, ~filled]).all()


@pytest.mark.slow
def test_intervals_over_images_cover_the_truth_and_those_over_pixels_do_not():
    rng = np.random.default_rng(1)
    covered = {"images": 0, "pixels": 0}
    for _ in range(200):
        counts = simulate(rng, 40)
        over_images = interval(counts, calibration.gap, resamples=300)
        covered["images"] += over_images.low <= 0 <= over_images.high
        p = calibration.accuracy(counts)
        half = 1.96 * np.sqrt(p * (1 - p) / counts.pixels)
        covered["pixels"] += abs(calibration.gap(counts)) <= half
    assert covered["images"] >= 0.9 * 200
    assert covered["pixels"] < 0.8 * 200


def test_pairs_cancel_what_images_do_to_both():
    """The second method is the first, with one pixel an image less right: always the same gain."""
    first = simulate(np.random.default_rng(2), 30)
    table = first.table.copy()
    table[:, :, 204] += [1, -1]
    gain = difference(first, Counts(table), calibration.accuracy)
    assert (gain.value, gain.low, gain.high) == pytest.approx((1 / 60,) * 3)
    alone = interval(first, calibration.accuracy)
    assert alone.high - alone.low > 0.03


def test_bad_arguments():
    counts = simulate(np.random.default_rng(5), 3)
    with pytest.raises(ValueError, match="two or more, not 1"):
        interval(counts[:1], calibration.ece)
    with pytest.raises(ValueError, match=r"confidence_level is 1\.0"):
        interval(counts, calibration.ece, confidence_level=1.0)
    with pytest.raises(ValueError, match="resamples is 0"):
        interval(counts, calibration.ece, resamples=0)
    with pytest.raises(ValueError, match="3 and 2 images"):
        difference(counts, counts[:2], calibration.ece)
    first, second = (Counts(counts.table, names=names) for names in (("a", "b", "c"), "abd"))
    with pytest.raises(ValueError, match="not the same ones"):
        difference(first, second, calibration.ece)


def test_error_bounds_are_the_bounds_of_ece_and_oe():
    rng = np.random.default_rng(5)
    counts = Counts(rng.integers(0, 50, (12, 2, 256)))
    found = error_bounds(counts)
    assert found["ece"] == pytest.approx(bounds(counts, calibration.ece), rel=1e-9)
    assert found["oe"] == pytest.approx(bounds(counts, calibration.oe), rel=1e-9)
    few = Counts(counts.table * (np.arange(256) > 250))  # four bins without a pixel
    assert error_bounds(few)["oe"] == pytest.approx(bounds(few, calibration.oe), rel=1e-9)
