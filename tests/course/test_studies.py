import numpy as np
import pandas
import pytest

from aslp_lib.course.lessons.bill import bill
from aslp_lib.course.lessons.evaluation import (
    by_field,
    by_five_scores,
    by_unit,
    coverage_study,
    further_runs,
    half_over_pixels,
    over_units,
)
from aslp_lib.course.recorded import FOLDER, load_log, read_arrays, runs, settings_of
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


def population(images=400, seed=0):
    """Maps at 0.8 whose images are right at rates of their own around 0.7: 0.1 over-confident."""
    rng = np.random.default_rng(seed)
    table = np.zeros((images, 2, 256), np.int64)
    table[:, 1, 204] = rng.binomial(60, rng.uniform(0.5, 0.9, images))
    table[:, 0, 204] = 60 - table[:, 1, 204]
    return Counts(table)


def test_sums_of_fields_are_those_of_their_pixels():
    grey = np.uint8([[204, 51], [230, 255], [102, 204]])  # confidence 0.8 0.8 0.9 1 0.6 0.8
    mask = np.uint8([[1, 1], [0, 1], [1, 0]])
    counts = Counts.from_maps(grey[:, None], mask[:, None]).with_columns(groups=np.array([7, 3, 7]))
    pixels, error = by_field(counts)
    np.testing.assert_array_equal(pixels, [[0, 0, 0, 0, 2], [1, 0, 3, 0, 0]])
    np.testing.assert_allclose(error[0], [0, 0, 0, 0, 230 / 255 + 1 - 1], atol=1e-12)
    np.testing.assert_allclose(error[1], [0.6, 0, 2.4 - 1, 0, 0], atol=1e-12)


def test_a_resample_that_draws_each_field_once_has_the_scores_of_the_whole_set():
    grey, mask = np.uint8([[204, 51], [230, 26], [102, 204]]), np.uint8([[1, 1], [0, 1], [1, 0]])
    groups = np.array([7, 3, 7])
    first, second = (
        Counts.from_maps(maps[:, None], mask[:, None]).with_columns(groups=groups)
        for maps in (grey, grey // 2)
    )
    scores = {"ECE": calibration.ece, "Brier score": calibration.brier, "NLL": calibration.nll}
    scores["bill, a miss costs 10"] = lambda c: bill(c, 10).paid
    differences = by_five_scores(first, second, np.array([[1, 1]]))
    assert len(differences) == 5
    for name, score in scores.items():
        change = 100 * (score(first) / score(second) - 1)
        assert differences[name].value == pytest.approx(change)


def test_a_bill_of_independent_pixels_has_the_standard_error_of_its_pixels_costs():
    table = np.zeros((1, 2, 256), np.int64)
    table[0, :, 13] = 96, 4  # unchecked; four are missed
    table[0, :, 204] = 20, 80  # checked
    costs = np.repeat([0, 10, 1], [96, 4, 100])
    half = 1.96 * 100 * costs.std() / np.sqrt(200)
    assert half_over_pixels(Counts(table)) == pytest.approx(half)


def test_intervals_over_fields_and_crops_agree_if_each_crop_is_a_field():
    crops = population(30).with_columns(groups=np.arange(30))
    times = np.random.default_rng(0).multinomial(30, [1 / 30] * 30, size=500)
    pixels, of_crops, of_fields = by_unit(crops, times, miss=1.2).values()  # none is checked
    assert of_crops == pytest.approx(of_fields) and 0 < pixels[2] < of_crops[2]
    for low, high, width in (pixels, of_crops):
        assert low < 100 * bill(crops, 1.2).paid < high and width == pytest.approx(high - low)


def test_an_interval_over_few_units_is_that_of_student():
    values = np.random.default_rng(0).normal(50, 15, 10)
    times = np.random.default_rng(1).multinomial(10, [0.1] * 10, size=100_000)
    low, high = over_units(times @ values / 10)
    half = 2.262 * values.std(ddof=1) / np.sqrt(10)
    np.testing.assert_allclose([low, high], values.mean() + half * np.array([-1, 1]), atol=0.3)


@pytest.mark.claim(
    "scores",
    "The plain ECE of a calibrated forecast is above 0, and halves if there are four times as "
    "many pixels",
    "evaluation: Would a calibrated network have an ECE of zero?",
)
def test_plain_ece_of_a_calibrated_forecast_halves_where_the_sample_grows_fourfold():
    """One level at 0.8: |accuracy - 0.8| of n pixels has the mean of a folded normal."""
    rng, sizes, mean = np.random.default_rng(0), np.array([400, 1600]), []
    for size in sizes:
        table = np.zeros((4000, 2, 256), np.int64)
        table[:, 1, 204] = rng.binomial(size, 0.8, 4000)
        table[:, 0, 204] = size - table[:, 1, 204]
        mean.append(np.mean([calibration.ece(Counts(table[[i]])) for i in range(4000)]))
    folded = np.sqrt(2 / np.pi) * np.sqrt(0.8 * 0.2 / sizes)
    np.testing.assert_allclose(mean, folded, rtol=0.05)


@pytest.mark.slow
def test_coverage_tells_intervals_over_images_from_intervals_over_pixels():
    found, intervals = coverage_study(population(), images=50, resamples=200)
    truth = 0.8 - population().table[:, 1].sum() / population().pixels
    assert found == pytest.approx(truth) == calibration.ece(population())
    covered = {kind: sum(a <= truth <= b for a, b in ends) for kind, ends in intervals.items()}
    assert covered["images"] >= 90 and covered["pixels"] < 80


def test_further_runs_are_paired_by_seed():
    paid, expected = (further_runs(score) for score in ("paid", "expected"))
    networks = ["ASLP (MC)", "ASLP (MC), scaled", "BCE", "BCE, scaled"]
    assert [*paid.index] == [1, 2, 3, 4, 5] and [*paid.columns] == networks
    record = pandas.read_csv(FOLDER / "nuclei_seeds.csv")
    rows = record[(record.seed == 3) & (record.method == "aslp_mc")]
    assert [*rows.recalibration] == ["none", "temperature_scaling"]
    assert paid.loc[3, networks[:2]].tolist() == pytest.approx((100 * rows.paid).tolist())
    assert (100 * record.checked <= 100 * record.paid).all() and (expected > 0).all(axis=None)


def test_mc_obeys_its_rule_in_nine_runs():
    """On the validation images that set its bound, and with hard inversion."""
    shapes, photographs = (
        runs(name, "validation", "aslp_mc", technique="HI")
        for name in ("techniques_shapes", "comparison_photographs")
    )
    nuclei = pandas.DataFrame(load_log("aslp_mc", "nuclei")[-1:]).eval(
        "gap = confidence - accuracy"
    )
    assert [len(shapes), len(photographs), len(nuclei)] == [5, 3, 1]
    table = pandas.concat([shapes, photographs, nuclei])
    assert (table.alpha_p90 - table.alpha_p10).max() < 0.004
    target = 1 - table.alpha_mean
    assert abs(target - table.accuracy).max() < 0.013
    assert table.gap.between(-0.0705, -0.037).all()


def test_early_stopping_was_recorded_on_the_shipped_crops():
    kept, data = read_arrays("nuclei_early_stopping.npz"), settings_of("nuclei").load_data()
    for part, crops in (("validation", data.validation), ("test", data.tests["test"])):
        assert kept[part].sum(axis=1).tolist() == crops.masks.flatten().bincount().tolist()
    assert kept["epoch"] == 29  # as the lesson says
