import numpy as np
import pytest

from aslp_lib.metrics import SCORES, bootstrap, calibration, saliency
from aslp_lib.metrics.bootstrap import (
    Resamples,
    bounds,
    difference,
    error_bounds,
    interval,
    reliability_tables,
)
from aslp_lib.metrics.counts import Counts


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


def test_an_interval_excludes_zero_if_both_ends_have_one_sign():
    for low, high in ((-2, -1), (-1, 1), (-0.5, 0.5), (0.5, 1), (0, 1), (-1, 0)):
        assert bootstrap.Interval(0.1, low, high).excludes_zero == (low * high > 0)
    assert not bootstrap.Interval(0.1).excludes_zero


def test_a_score_that_the_set_does_not_have_has_no_interval():
    without = interval(Counts(random_counts().table * [[[1], [0]]]), saliency.max_f)
    assert np.isnan([without.value, without.low, without.high]).all()


@pytest.mark.parametrize("equal_mass", [True, False])
def test_tables_of_diagrams_have_the_bins_that_are_asked_for(equal_mass):
    counts = random_counts()
    (table,) = reliability_tables({"all": counts}, 5, equal_mass=equal_mass).values()
    compute = calibration.reliability_equal_mass if equal_mass else calibration.reliability
    np.testing.assert_array_equal(table.edges, compute(counts, 5).edges)


def test_intervals_of_bins_are_of_resampled_diagrams():
    """Also where a resample has no pixel of a bin."""
    counts = random_counts()
    counts.table[:, :, :64] = counts.table[:, :, 192:] = 0
    counts.table[3, 1, 255] = 2
    drawn = Resamples(counts).pooled
    accuracy = np.array([calibration.reliability(each, 5).accuracy for each in drawn])
    filled = ~np.isnan(accuracy).all(axis=0)
    assert np.isnan(accuracy[:, filled]).any()
    oracle = np.nanquantile(accuracy[:, filled], [0.025, 0.975], axis=0)
    table = reliability_tables({"all": counts}, 5)["all"]
    ours = np.array([table.low, table.high])
    np.testing.assert_allclose(ours[:, filled], oracle, rtol=1e-14)
    assert np.isnan(ours[:, ~filled]).all()


@pytest.mark.claim(
    "scores",
    "Intervals over images cover the true value as often as stated, intervals over pixels do not",
    "evaluation: How many observations are in 120 crops?",
)
def test_intervals_over_images_cover_the_truth_and_those_over_pixels_do_not():
    """Foreground everywhere, and images that are each wrong at a rate of 0.2 +- 0.15: pixels of an
    image are alike, as on real maps. The true MAE is 0.2."""
    rng = np.random.default_rng(1)
    covered = {"images": 0, "pixels": 0}
    for _ in range(200):
        wrong = rng.binomial(60, 0.2 + 0.15 * rng.uniform(-1, 1, 40))
        table = np.zeros((40, 2, 4), np.int64)
        table[:, :, 3] = np.stack([wrong, 60 - wrong], 1)
        counts = Counts(table)
        over_images = interval(counts, saliency.mae, resamples=300)
        covered["images"] += over_images.low <= 0.2 <= over_images.high
        p = over_images.value
        half = 1.96 * np.sqrt(p * (1 - p) / counts.pixels)
        covered["pixels"] += abs(p - 0.2) <= half
    assert covered["images"] >= 0.9 * 200
    assert covered["pixels"] < 0.8 * 200


def test_bad_arguments():
    counts, ece = random_counts(3), calibration.ece
    first, other = (counts.with_columns(names=[*names]) for names in ("abc", "abd"))
    for message, function, *arguments in (
        ("1; expected two or more", bounds, counts[:1], ece),
        ("1; expected two or more", bounds, counts.with_columns(groups=np.zeros(3)), ece),
        (r"\(3 and 2,", difference, counts, counts[:2], ece),
        (r"\(3 and 3, .* different names\)", difference, first, other, ece),
    ):
        with pytest.raises(ValueError, match=message):
            function(*arguments)
    with pytest.raises(ValueError, match="resamples is 0"):
        bounds(counts, ece, resamples=0)
    for level in (0.0, 1.0):
        with pytest.raises(ValueError, match=f"confidence_level is {level}"):
            bounds(counts, ece, confidence_level=level)


def test_error_bounds_are_the_bounds_of_ece_and_oe():
    rng = np.random.default_rng(5)
    counts = Counts(rng.integers(0, 50, (12, 2, 256)))
    found = error_bounds(counts)
    assert found["ece"] == Resamples(counts).bounds(SCORES["ece"])
    assert found["oe"] == pytest.approx(bounds(counts, calibration.oe), rel=1e-9)
    few = Counts(counts.table * (np.arange(256) > 250))  # four bins without a pixel
    one = Counts(np.zeros((2, 2, 256), np.int64))
    one.table[[0, 1], 0, [200, 250]] = 1  # bins of a single pixel
    tiny = Counts(1e-4 * few.table)  # expected numbers, below one pixel a bin
    for table in (few, one, tiny):
        assert error_bounds(table)["oe"] == pytest.approx(bounds(table, calibration.oe), rel=1e-9)


def test_a_diagram_of_a_single_image_has_no_intervals():
    tables = reliability_tables({"one": random_counts()[:1], "two": random_counts()})
    assert tables["one"].low is tables["one"].high is None
    assert np.nansum(tables["two"].high) > np.nansum(tables["two"].low)
