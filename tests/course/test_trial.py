"""The analysis of the trial, on records made here whose differences are known."""

import csv
import itertools
from math import sqrt
from pathlib import Path
from statistics import mean, variance

import numpy as np
import pandas
import pytest
from scipy.stats import t as student_t
from scipy.stats import ttest_rel

from aslp_lib.course import contrasts, trial
from aslp_lib.course.recorded import FOLDER

PAGE = Path(__file__).parents[2] / "docs" / "trial.md"
ARMS = ("B", "C", "C_ES", "L", "L*", "M", "R", "K", "M_h", "R_h")
FIELDS = {"shapes": [np.nan], "nuclei": [np.nan, *range(10)]}


def records(data, seeds=range(100, 112), seed=0):
    """Records of a data set without true differences."""
    rng = np.random.default_rng(seed)
    rows = [
        {"seed": number, "arm": arm, "weights": weights, "recalibration": recalibration,
         "set": name, "field": field}
        | {score: 0.3 + 0.01 * rng.normal() for score in ("nll", "ece", "accuracy")}
        for number, arm, weights, recalibration, name, field in itertools.product(
            seeds, ARMS, ("last", "best"), ("none", "temperature_scaling"), ("test", "shifted"),
            FIELDS[data],
        )
        if name == "test" or np.isnan(field)
    ]  # fmt: skip
    return pandas.DataFrame(rows)


@pytest.mark.slow
@pytest.mark.parametrize("deviations", [(1, 1, 0), (1, 1, 1), (0, 1, 1), (1, 0, 0)])
def test_without_a_true_difference_nuclei_reject_in_at_most_5_percent(deviations):
    """The larger p-value of two t-tests, one over seeds and one over fields, rejects in 9 %."""
    rng, rejected, shapes = np.random.default_rng(2), [], ((10, 1), (1, 10), (10, 10))
    for _ in range(1000):
        table = sum(d * rng.normal(size=k) for d, k in zip(deviations, shapes, strict=True))
        rejected.append(contrasts.effect(pandas.DataFrame(table)).p_value <= 0.05)
    assert np.mean(rejected) <= 0.05 + 4 * (0.05 * 0.95 / 1000) ** 0.5


def test_a_set_without_fields_is_tested_over_seeds_alone():
    frame = records("nuclei")
    change = trial.effects(frame, column=("ece", "none", "shifted"))["B_ES - B"]
    rows = frame[(frame["set"] == "shifted") & (frame.recalibration == "none") & (frame.arm == "B")]
    by_seed = rows.pivot_table(values="ece", index="seed", columns="weights")
    assert change.p_value == pytest.approx(ttest_rel(by_seed.best, by_seed["last"]).pvalue)


BETTER, SMALL = "better", "too small to matter"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([(-0.02, 0.006, 0.9)], [BETTER]),  # 8 x 0.006 = 0.048
        ([(-0.02, 0.007, 0.9)], []),  # 0.056
        ([(-0.004, 0.001, 0.006)], [SMALL]),
        ([(-0.004, 0.9, 0.007)], []),
        # 8 x 0.001, 7 x 0.007 = 0.049, 6 x 0.009 = 0.054; what was not tested counts.
        (
            [(-0.05, 0.001, 0.9), (0.03, 0.007, 0.9), (0.03, 0.009, 0.9), None],
            [BETTER, "worse", "not resolved", "not tested"],
        ),
        # The equivalences are a family of their own: 8 x 0.0072, whatever the differences are.
        ([(-0.05, 0.001, 0.9), (0.0, 0.8, 0.006)], [BETTER, SMALL]),
        ([(-0.05, 0.001, 0.9), (0.0, 0.8, 0.0072)], [BETTER]),
    ],
)
def test_verdicts_follow_from_p_values_adjusted_by_holm_for_eight_tests(numbers, words):
    """Means, p-values and p-values of the equivalence; what is not given is not resolved."""
    numbers = dict(enumerate([*numbers, *[(0.005, 0.9, 0.9)] * 8][:8]))
    effects = {
        label: values and trial.Effect(values[0], -1, 1, *values[1:], seeds=20)
        for label, values in numbers.items()
    }
    assert [*trial.verdicts(effects).values()] == [*words, *["not resolved"] * 8][:8]


PAIRS = ("B_ES - B", "L* - B", "C - L", "C - L*", "R - K", "M - B_ES", "C_ES - B_ES")
"""The primary contrasts whose arms were made."""


def by_hand(data, pair):
    """Mean, p-value of the difference, and p-value of the equivalence, from the lines of a file."""
    cells = {}
    with (FOLDER / f"trial_{data}.csv").open() as file:
        for row in csv.DictReader(file):
            judged = row["set"] == "test" and row["recalibration"] == "temperature_scaling"
            if judged and bool(row["field"]) == (data == "nuclei"):
                key = row["arm"], row["weights"], row["seed"], row["field"]
                cells[key] = float(row["nll"])
    # C_ES is an arm of its own, and its weights are those of the best epoch.
    first, second = (
        (arm if arm == "C_ES" else arm.removesuffix("_ES"), "best" if "_ES" in arm else "last")
        for arm in pair.split(" - ")
    )
    places = [key[2:] for key in cells if key[:2] == first]
    seeds, fields = (sorted({place[axis] for place in places}) for axis in (0, 1))
    assert len(places) == len(seeds) * len(fields)
    gaps = {place: cells[*first, *place] - cells[*second, *place] for place in places}
    samples = [[mean(gaps[seed, field] for field in fields) for seed in seeds]]
    if data == "nuclei":
        samples.append([mean(gaps[seed, field] for seed in seeds) for field in fields])
    error = sqrt(sum(variance(sample) / len(sample) for sample in samples))
    t, middle = student_t(min(map(len, samples)) - 1), mean(gaps.values())
    p_value = 2 * t.sf(abs(middle) / error)
    return middle, p_value, max(t.sf((middle + 0.01) / error), t.cdf((middle - 0.01) / error))


def adjusted(p_values):
    """Holm's adjusted p-values: the largest (8 - rank) p among those that are not larger."""
    ordered = sorted([*p_values, 1.0])  # the eighth contrast was not tested
    return [
        min(1, max((8 - rank) * other for rank, other in enumerate(ordered) if other <= p))
        for p in p_values
    ]


@pytest.mark.parametrize(("data", "seeds"), [("shapes", 20), ("nuclei", 10)])
def test_the_primary_contrasts_are_computed_once_more_from_the_records(data, seeds):
    family = trial.effects(trial.read(data), confidence=trial.SIMULTANEOUS)
    found = {label: by_hand(data, label) for label in PAIRS}
    assert {label for label, change in family.items() if change} == {*PAIRS}
    for label, numbers in found.items():
        change = family[label]
        assert change.seeds == seeds
        assert (change.mean, change.p_value, change.equivalence) == pytest.approx(
            numbers, rel=1e-7, abs=1e-12
        )
    means, differs, equal = zip(*found.values(), strict=True)
    words = [
        SMALL if e <= 0.05 else "not resolved" if d > 0.05 else BETTER if mean < 0 else "worse"
        for mean, d, e in zip(means, adjusted(differs), adjusted(equal), strict=True)
    ]
    words = dict(zip(PAIRS, words, strict=True)) | {"M_h - R_h": "not tested"}
    assert trial.verdicts(family) == words


@pytest.mark.parametrize("data", ["shapes", "nuclei"])
def test_the_page_shows_the_verdicts_of_the_records(data):
    family = trial.effects(trial.read(data), confidence=trial.SIMULTANEOUS)
    rows = [line.replace("\\", "").split(" | ") for line in PAGE.read_text().splitlines()]
    for contrast in trial.PRIMARY:
        (row,) = (r for r in rows if r[:2] == [f"| {contrast.label}", contrast.question])
        word, interval = trial.verdicts(family)[contrast.label], family[contrast.label]
        cell = f"{word}: {trial.interval_text(interval, 'nll')}" if interval else word
        assert row[2 + (data == "nuclei")] == cell


def test_the_page_shows_the_mechanism_and_the_sizes_of_the_records():
    page, records = PAGE.read_text(), trial.read("mechanism")
    for arm, ends in trial.excess(records, records.epoch.max()).items():
        mean, low, high = (f"{end:+.3f}" for end in ends)
        assert f"({arm}) | {mean} [{low}, {high}] |" in page
    for label, changes in trial.training_set_size(trial.read("shapes")).items():
        cells = (trial.interval_text(change, "nll") for change in changes.values())
        assert f"| {label} | {' | '.join(cells)} |" in page


@pytest.mark.parametrize(
    ("sampled", "frozen", "verdict"),
    [
        (0.2, 0.6, "supported"),
        (0.2, 0.3, "not supported"),
        (0.5, 0.6, "not supported"),
        # The intervals are the means ± 2.262 * 0.01 * (10 / 9)^0.5 / 10^0.5 = 0.00754.
        (0.392, 0.408, "supported"),
        (0.393, 0.408, "not supported"),
        (0.392, 0.407, "not supported"),
    ],
)
def test_memorisation_is_judged_by_intervals_around_half_of_bce_s_mean(sampled, frozen, verdict):
    rows = [
        {"seed": 100 + k, "arm": arm, "epoch": epoch, "excess": mean * epoch / 3 + 0.01 * (-1) ** k}
        for arm, mean in {"B": 0.8, "L": 0.5, "C": sampled, "F": frozen}.items()
        for epoch in (1, 2, 3)
        for k in range(10)
    ]
    frame = pandas.DataFrame(rows)
    assert trial.memorisation_verdict(frame) == verdict
    ends = sampled - 0.00754, sampled + 0.00754
    assert trial.excess(frame, 3)["C"] == pytest.approx((sampled, *ends), abs=1e-5)


@pytest.mark.fault
def test_errors_name_the_arm_and_the_seeds():
    frame = records("shapes", seeds=(100, 101))
    undefined = frame.nll.mask((frame.arm == "M") & (frame.seed == 101))
    for damaged, message in (
        (frame[frame.arm != "K"], "no records of arm K, weights last"),
        (frame[frame.arm != "R_h"], "no records of arm R_h"),  # M_h was made, so R_h must be
        (frame.assign(nll=undefined), r"nll of M is undefined at the seeds \[101\]"),
        (frame[(frame.seed == 101) | (frame.arm != "K")], r"seeds are \[100, 101\] and \[101\]"),
    ):
        with pytest.raises(ValueError, match=message):
            trial.effects(damaged)


@pytest.mark.fault
def test_a_file_without_records_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "FOLDER", tmp_path)
    (tmp_path / "trial_shapes.csv").touch()
    with pytest.raises(ValueError, match=r"trial_shapes\.csv holds no records of the trial"):
        trial.read("shapes")
