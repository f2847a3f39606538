from functools import partial

import numpy as np
import pytest
import torch

from aslp_lib.metrics import CLASS_SCORES, SCORES, bootstrap, calibration, saliency
from aslp_lib.metrics.bootstrap import (
    Resamples,
    difference,
    interval,
    reliability_tables,
)
from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.metrics.counts import Counts


def random_counts(images=9, seed=6):
    table = np.random.default_rng(seed).integers(0, 4, (images, 2, 256))
    table[2, 1] = 0  # no foreground: no F
    return Counts(table)


def class_counts(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(9, 4, 5, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (9, 5, 6), generator=generator)
    return ClassCounts.from_logits(logits, labels)


TWO_CLASSES = ("ece", "max_f", "max_f_mean_pr", "mean_e", "mae")
OF_FOUR = ("ece", "class_ece", "mean_iou", "nll", "brier")


@pytest.mark.parametrize(
    ("make", "score"),
    [
        *((partial(random_counts, 9), SCORES[name].with_bins(7)) for name in TWO_CLASSES),
        *((class_counts, CLASS_SCORES[name].with_bins(7)) for name in OF_FOUR),
    ],
)
def test_resampling_counts_equals_resampling_images(make, score):
    """Scores of pooled pixels, of bins and means over images; two methods on the same resamples."""
    counts, other = make(seed=0), make(seed=1)
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


def test_an_interval_excludes_zero_if_there_is_one_and_both_ends_have_one_sign():
    for low, high in ((-2, -1), (-0.5, 0.5), (0.5, 1), (0, 1), (-1, 0)):
        assert bootstrap.Interval(0.1, low, high).excludes_zero == (low * high > 0)
    undefined = interval(Counts(random_counts().table * [[[1], [0]]]), saliency.max_f)
    assert np.isnan([undefined.value, undefined.low, undefined.high]).all()
    assert not undefined.excludes_zero


@pytest.mark.parametrize("equal_mass", [True, False])
def test_intervals_of_bins_are_of_resampled_diagrams(equal_mass):
    """Also where a resample has no pixel of a bin. Those of equal mass are the set's in each."""
    counts = random_counts()
    counts.table[:, :, :64] = counts.table[:, :, 192:] = 0
    counts.table[3, 1, 255] = 2
    table = reliability_tables({"all": counts}, 5, equal_mass=equal_mass)["all"]
    assert reliability_tables({"one": counts[:1]}, 5, equal_mass=equal_mass)["one"].low is None
    if equal_mass:
        images = calibration.image_bins(counts, 5, equal_mass=True)
        drawn = [Resamples(counts).draws @ part for part in (images.positive, images.pixels)]
        accuracy = drawn[0] / drawn[1]
    else:
        drawn = Resamples(counts).pooled
        accuracy = np.array([calibration.reliability(each, 5).accuracy for each in drawn])
        assert np.isnan(accuracy[:, 4]).any()
    filled = ~np.isnan(accuracy).all(axis=0)
    oracle = np.nanquantile(accuracy[:, filled], [0.025, 0.975], axis=0)
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


COUNTS = random_counts(3)
NAMED = [COUNTS.with_columns(names=[*names]) for names in ("abc", "abd")]


@pytest.mark.parametrize(
    ("message", "sets", "options"),
    [
        ("1; expected two or more", [COUNTS[:1]], {}),
        ("1; expected two or more", [COUNTS.with_columns(groups=np.zeros(3))], {}),
        ("resamples is 0", [COUNTS], {"resamples": 0}),
        ("confidence_level is 0.0", [COUNTS], {"confidence_level": 0.0}),
        ("confidence_level is 1.0", [COUNTS], {"confidence_level": 1.0}),
        (r"\(3 and 2,", [COUNTS, COUNTS[:2]], {}),
        (r"\(3 and 3, .* different names\)", NAMED, {}),
    ],
)
def test_bad_arguments(message, sets, options):
    with pytest.raises(ValueError, match=message):
        (interval if len(sets) == 1 else difference)(*sets, calibration.ece, **options)


def oe_of_diagram(counts):
    """The OE by its definition, from the reliability diagram of pooled counts."""
    diagram = calibration.reliability(counts)
    return np.nansum(diagram.share * diagram.confidence * np.maximum(diagram.gap, 0))


def test_the_bounds_of_the_oe_are_those_of_pooled_counts():
    many = Counts(np.random.default_rng(5).integers(0, 50, (12, 2, 256)))
    few = Counts(many.table * (np.arange(256) > 250))  # four bins without a pixel
    one = Counts(np.zeros((2, 2, 256), np.int64))
    one.table[[0, 1], 0, [200, 250]] = 1  # bins of a single pixel
    tiny = Counts(1e-4 * few.table)  # expected numbers, below one pixel a bin
    for counts in (many, few, one, tiny, class_counts(0)):
        oe = interval(counts, oe_of_diagram)
        assert calibration.oe(counts) == pytest.approx(oe.value, rel=1e-9)
        bounds = Resamples(counts).bounds(CLASS_SCORES["oe"])
        assert bounds == pytest.approx((oe.low, oe.high), rel=1e-9)
