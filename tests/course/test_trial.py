"""The analysis of the trial, on records made here whose differences are known."""

import csv
import itertools
import re
import sys
from math import sqrt
from pathlib import Path
from statistics import mean, variance

import numpy as np
import pandas
import pytest
from scipy.stats import nct, ttest_1samp
from scipy.stats import t as student_t

from aslp_lib.course import trial
from aslp_lib.course.lessons.audit import figures
from aslp_lib.course.recorded import FOLDER, RESULTS

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import trial_tables

ARMS = ("B", "C", "C_ES", "L", "L*", "M", "R", "K", "M_h", "R_h")
FIELDS = {"shapes": [np.nan], "nuclei": [np.nan, *range(10)]}


def records(data, seeds=range(100, 112), arms=ARMS, noise=0.01, seed=0, **shifts):
    """Records of a data set; `shifts` are true differences in NLL of methods, such as B_ES."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, arm, weights, recalibration, name, field in itertools.product(
        seeds, arms, ("last", "best"), ("none", "temperature_scaling"), ("test", "shifted"),
        FIELDS[data],
    ):  # fmt: skip
        if name == "shifted" and not np.isnan(field):
            continue
        method = f"{arm.removesuffix('_ES')}_ES" if weights == "best" else arm
        row = {
            "seed": number, "arm": arm, "weights": weights, "recalibration": recalibration,
            "set": name, "field": field, "ece_floor": 0.01,
        }  # fmt: skip
        for score in ("nll", "ece", "oe", "gap", "accuracy", "brier", "posterior_error"):
            row[score] = 0.3 + shifts.get(method, 0) + noise * rng.normal()
        rows.append(row)
    return pandas.DataFrame(rows)


def column(frame, arm, weights="last", score="nll", fields=False):
    """Scaled test scores of an arm by seed, and by field, selected without the module."""
    rows = frame[(frame.arm == arm) & (frame.weights == weights) & (frame["set"] == "test")]
    rows = rows[(rows.recalibration == "temperature_scaling") & (rows.field.notna() == fields)]
    values = rows.sort_values(["seed", "field"])[score].to_numpy()
    return values.reshape(-1, 10) if fields else values


def tost(sample, margin=0.01):
    above = ttest_1samp(sample, -margin, alternative="greater").pvalue
    return max(above, ttest_1samp(sample, margin, alternative="less").pvalue)


def test_an_effect_over_seeds_is_that_of_student_s_t_test():
    frame = records("shapes", C=-0.02)
    change = trial.effects(frame, confidence=trial.SIMULTANEOUS)["C - L"]
    values = column(frame, "C") - column(frame, "L")
    test = ttest_1samp(values, 0)
    low, high = test.confidence_interval(0.99375)
    assert change == pytest.approx((values.mean(), low, high, test.pvalue, tost(values), 12))


def test_an_effect_on_nuclei_adds_the_squared_standard_errors_of_seeds_and_fields():
    frame = records("nuclei", C=-0.004)
    change = trial.effects(frame)["C - L"]
    table = column(frame, "C", fields=True) - column(frame, "L", fields=True)
    over_seeds, over_fields = table.mean(axis=1), table.mean(axis=0)
    error = np.sqrt(over_seeds.var(ddof=1) / 12 + over_fields.var(ddof=1) / 10)
    t, mean = student_t(9), table.mean()
    ends = mean - t.ppf(0.975) * error, mean + t.ppf(0.975) * error
    assert change[:4] == pytest.approx((mean, *ends, 2 * t.sf(abs(mean) / error)))
    close = max(t.sf((mean + 0.01) / error), t.sf((0.01 - mean) / error))
    assert change.equivalence == pytest.approx(close)


@pytest.mark.slow
@pytest.mark.parametrize("deviations", [(1, 1, 0), (1, 1, 1), (0, 1, 1), (1, 0, 0)])
def test_without_a_true_difference_nuclei_reject_in_at_most_5_percent(deviations):
    """The larger p-value of two t-tests, one over seeds and one over fields, rejects in 9 %."""
    of_seeds, of_fields, noise = deviations
    rng, repeats = np.random.default_rng(2), 1000
    tables = (
        of_seeds * rng.normal(size=(10, 1))
        + of_fields * rng.normal(size=(1, 10))
        + noise * rng.normal(size=(10, 10))
        for _ in range(repeats)
    )
    rejected = [trial.effect(pandas.DataFrame(table)).p_value <= 0.05 for table in tables]
    assert np.mean(rejected) <= 0.05 + 4 * (0.05 * 0.95 / repeats) ** 0.5


def test_a_set_without_fields_is_tested_over_seeds_alone():
    frame = records("nuclei")
    change = trial.effects(frame, column=("ece", "none", "shifted"))["B_ES - B"]
    rows = frame[(frame["set"] == "shifted") & (frame.recalibration == "none") & (frame.arm == "B")]
    values = (rows[rows.weights == w].sort_values("seed").ece.to_numpy() for w in ("best", "last"))
    assert change.p_value == pytest.approx(ttest_1samp(np.subtract(*values), 0).pvalue)


def family(**changed):
    """Eight effects with p-values of 0.9, or (mean, p-value, p-value of equivalence) by letter."""
    values = dict.fromkeys("abcdefgh", (0.005, 0.9, 0.9)) | changed
    return {
        label: value and trial.Effect(value[0], -1, 1, *value[1:], 20)
        for label, value in values.items()
    }


@pytest.mark.parametrize(
    ("effect", "word"),
    [
        ((-0.02, 0.006, 0.9), "better"),  # 8 x 0.006 = 0.048
        ((+0.02, 0.006, 0.9), "worse"),
        ((-0.02, 0.007, 0.9), "not resolved"),  # 0.056
        ((-0.004, 0.9, 0.006), "too small to matter"),
        ((-0.004, 0.9, 0.007), "not resolved"),
        ((-0.004, 0.001, 0.001), "too small to matter"),
        (None, "not tested"),
    ],
)
def test_a_verdict_follows_from_p_values_adjusted_for_eight_tests(effect, word):
    words = trial.verdicts(family(c=effect))
    assert words == dict.fromkeys("abdefgh", "not resolved") | {"c": word}


def test_each_family_is_adjusted_by_holm_and_an_untested_contrast_counts():
    clear = (-0.05, 0.001, 0.9)
    # By Holm: 8 x 0.001, 7 x 0.007 = 0.049, 6 x 0.009 = 0.054.
    words = trial.verdicts(family(a=clear, b=(0.03, 0.007, 0.9), c=(0.03, 0.009, 0.9), d=None))
    assert [words[label] for label in "abcd"] == ["better", "worse", "not resolved", "not tested"]
    # The equivalences are a family of their own: 8 x 0.006, whatever the differences are.
    words = trial.verdicts(family(a=clear, b=(0.0, 0.8, 0.006), c=(0.0, 0.8, 0.0072)))
    assert [words[label] for label in "abc"] == ["better", "too small to matter", "not resolved"]


def test_the_verdict_table_says_what_the_records_were_made_with():
    shifts = {"B_ES": -0.05, "L*": 0.05, "R": 0.3, "K": 0.3}
    frames = {data: records(data, noise=0.002, **shifts) for data in ("shapes", "nuclei")}
    rows = [line.split(" | ") for line in trial.verdict_table(frames).splitlines()]
    assert len(rows) == 10
    words = {row[0].strip("| ").replace("\\", ""): row[2:4] for row in rows[2:]}
    expected = {
        "B_ES - B": "better", "L* - B": "worse", "C - L": "too small to matter",
        "C - L*": "better", "R - K": "too small to matter", "M_h - R_h": "too small to matter",
        "M - B_ES": "worse", "C_ES - B_ES": "worse",
    }  # fmt: skip
    for label, word in expected.items():
        assert all(cell.startswith(word) for cell in words[label]), label
    frame = frames["shapes"]
    values = column(frame, "L*") - column(frame, "B")
    low, high = ttest_1samp(values, 0).confidence_interval(0.99375)
    assert words["L* - B"][0] == f"worse: {values.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
    assert rows[0][2:5] == [
        "shapes, 12 seeds: NLL, nats", "nuclei, 12 seeds: NLL, nats", "shapes: ECE, points",
    ]  # fmt: skip


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
    differs, equal = (adjusted([numbers[k] for numbers in found.values()]) for k in (1, 2))
    words = [
        "too small to matter" if e <= 0.05
        else "not resolved" if d > 0.05
        else "better" if numbers[0] < 0
        else "worse"
        for numbers, d, e in zip(found.values(), differs, equal, strict=True)
    ]  # fmt: skip
    verdicts = trial.verdicts(family)
    assert [verdicts[label] for label in PAIRS] == words
    assert verdicts["M_h - R_h"] == "not tested"


def test_what_was_not_made_or_cannot_be_shown_is_named():
    arms = [arm for arm in ARMS if arm not in ("M_h", "R_h")]
    frame = records("shapes", seeds=range(100, 103), arms=arms, noise=0.05)
    lines = trial.verdict_table({"shapes": frame}, {"shapes": ["C - L"]}).splitlines()
    assert "| not tested |" in next(line for line in lines if "differences of alpha" in line)
    noted = [line for line in lines if "not resolved (equivalence not testable)" in line]
    assert len(noted) == 1 and noted[0].startswith("| C - L |")


def test_equivalence_is_declared_untestable_where_the_tuning_seeds_give_it_little_power():
    for data, seeds in (("shapes", 20), ("nuclei", 10)):
        frame = pandas.read_csv(RESULTS / f"trial_power_{data}.csv")
        assert {*frame.seed} == {*range(5)}
        little = [
            contrast.label
            for contrast in trial.PRIMARY
            if contrast.label != "M_h - R_h"
            and trial_tables.power(trial.differences(frame, contrast), seeds, 0.05 / 8).equivalence
            < 0.5
        ]
        assert little == [*trial.NOT_TESTABLE[data]]


def test_c_with_its_best_weights_stands_for_c_es_if_the_alphas_are_equal():
    frame = records("shapes", arms=[arm for arm in ARMS if arm != "C_ES"])
    values = column(frame, "C", "best") - column(frame, "B", "best")
    assert trial.effects(frame)["C_ES - B_ES"].mean == pytest.approx(values.mean())
    frame = records("shapes")
    values = column(frame, "C_ES", "best") - column(frame, "B", "best")
    assert trial.effects(frame)["C_ES - B_ES"].mean == pytest.approx(values.mean())


def test_an_incomplete_seed_is_never_analysed():
    frame = records("nuclei")
    whole = trial.effects(frame[frame.seed != 103])
    arm_missing = frame[(frame.seed != 103) | (frame.arm != "K")]
    field_missing = frame[(frame.seed != 103) | (frame.arm != "K") | (frame.field != 4)]
    for part in (arm_missing, field_missing):
        assert set(trial.complete_seeds(part).seed) == set(range(100, 112)) - {103}
        assert trial.effects(part) == whole and whole["C - L"].seeds == 11
    assert set(trial.complete_seeds(arm_missing, ["B", "C"]).seed) == set(range(100, 112))


def test_arms_of_the_first_ten_seeds_are_not_asked_of_the_others():
    few = records("shapes", seeds=range(100, 110), arms=["P_h"])
    frame = pandas.concat([records("shapes"), few])
    found = trial.effects(frame, (*trial.PRIMARY, *trial.SECONDARY))
    assert found["M_h - P_h"].seeds == 10 and found["C - L"].seeds == 12
    interrupted = frame[(frame.seed != 105) | (frame.arm != "P_h")]
    assert trial.effects(interrupted)["C - L"].seeds == 11


def mechanism(excess, seeds=range(100, 110), spread=0.01):
    """Records whose excess grows to the given mean at epoch 3, with a known spread over seeds."""
    deviations = spread * np.resize([-1.0, 1.0], len(seeds))
    return pandas.DataFrame(
        [
            {"seed": seed, "arm": arm, "epoch": epoch, "excess": mean * epoch / 3 + deviation}
            for arm, mean in excess.items()
            for epoch in (1, 2, 3)
            for seed, deviation in zip(seeds, deviations, strict=True)
        ]
    )


@pytest.mark.parametrize(
    ("excess", "verdict"),
    [
        ({"B": 0.8, "L": 0.5, "C": 0.2, "F": 0.6}, "supported"),
        ({"B": 0.8, "L": 0.5, "C": 0.2, "F": 0.3}, "not supported"),
        ({"B": 0.8, "L": 0.5, "C": 0.5, "F": 0.6}, "not supported"),
        # The intervals are the means ± 2.262 * 0.01 * (10 / 9)^0.5 / 10^0.5 = 0.00754.
        ({"B": 0.8, "L": 0.5, "C": 0.392, "F": 0.408}, "supported"),
        ({"B": 0.8, "L": 0.5, "C": 0.393, "F": 0.408}, "not supported"),
        ({"B": 0.8, "L": 0.5, "C": 0.392, "F": 0.407}, "not supported"),
    ],
)
def test_memorisation_is_judged_by_intervals_around_half_of_bce_s_mean(excess, verdict):
    frame = mechanism(excess)
    assert trial.memorisation_verdict(frame) == verdict
    mean, low, high = trial.excess(frame, 3)["C"]
    assert (mean, mean - low, high - mean) == pytest.approx(
        (excess["C"], 0.00754, 0.00754), abs=1e-5
    )


@pytest.mark.fault
def test_memorisation_needs_ten_seeds_of_each_arm():
    frame = mechanism({"B": 0.8, "L": 0.5, "C": 0.2, "F": 0.6})
    with pytest.raises(ValueError, match=r"seeds of arm F at epoch 3 are \[101, 102.* expected"):
        trial.memorisation_verdict(frame[(frame.arm != "F") | (frame.seed != 100)])
    with pytest.raises(ValueError, match="seeds of arm B at epoch 3"):
        trial.memorisation_verdict(pandas.concat([frame, frame]))
    beyond = mechanism({"B": 9.0, "L": 9.0, "C": 9.0}, seeds=range(110, 120))
    assert trial.memorisation_verdict(pandas.concat([frame, beyond])) == "supported"


SMALL = [f"{arm}@{size}" for arm in "BCL" for size in (40, 640)]


def test_training_set_sizes_are_compared_at_the_same_seeds():
    small = records("shapes", seeds=range(100, 110), arms=SMALL, seed=1, **{"C@40": -0.1})
    frame = pandas.concat([records("shapes", C=-0.05), small])
    found = trial.training_set_size(frame)
    for label, (a, b) in {"C - L": "CL", "L - B": "LB"}.items():
        for size, end in {40: "@40", 160: "", 640: "@640"}.items():
            values = (column(frame, a + end) - column(frame, b + end))[:10]
            test = ttest_1samp(values, 0)
            assert found[label][size][:3] == pytest.approx(
                (values.mean(), *test.confidence_interval(0.95))
            )
            assert found[label][size].seeds == 10
    with pytest.raises(ValueError, match="C@640"):
        trial.training_set_size(frame[frame.arm != "C@640"])


def test_the_table_of_methods_has_means_and_deviations_over_seeds():
    arms = ["C", "C_ES", "M"]
    frame = records("nuclei", range(100, 103), arms).assign(posterior_error=np.nan)
    head, _, *lines = trial_tables.method_table(frame).splitlines()
    rows = {
        row[1].replace("\\", ""): row
        for row in ([c.strip() for c in line.split("|")] for line in lines)
    }
    assert [*rows] == ["C", "C_ES", "M", "M_ES"] and "posterior" not in head
    values = column(frame, "M", fields=True).mean(axis=1)
    assert rows["M"][2] == "3"
    assert rows["M"][4] == f"{values.mean():.3f} ± {values.std(ddof=1):.3f}"
    ece = 100 * column(frame, "C_ES", "best", "ece")
    assert rows["C_ES"][6] == f"{ece.mean():.2f} ± {ece.std(ddof=1):.2f} (floor 1.00)"
    assert "posterior error %" in trial_tables.method_table(records("shapes", arms=["B"]))


def test_secondary_effects_have_individual_intervals():
    frame = records("shapes", arms=[*ARMS, "P_h"], seeds=range(100, 110))
    columns = {"OE, shifted": ("oe", "none", "shifted"), "NLL": trial.SCALED}
    lines = trial.effect_table(frame, columns).splitlines()
    assert len(lines) == 2 + len(trial.PRIMARY) + len(trial.SECONDARY)
    values = column(frame, "M", "best") - column(frame, "B", "best")
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    (line,) = (line for line in lines if line.startswith("| M\\_ES - B\\_ES |"))
    assert line.endswith(f"| {values.mean():+.3f} [{low:+.3f}, {high:+.3f}] |")


def table_with_variances(seeds, fields, of_seeds, of_fields, noise):
    """Differences whose analysis of variance gives exactly these standard deviations."""
    rng = np.random.default_rng(0)

    def standard(values, deviation, degrees):
        return values * deviation / np.sqrt((values**2).sum() / degrees) if deviation else 0

    a, b = (values - values.mean() for values in (rng.normal(size=seeds), rng.normal(size=fields)))
    if fields == 1:
        return pandas.DataFrame(standard(a, of_seeds, seeds - 1)[:, None])
    e = rng.normal(size=(seeds, fields))
    e += e.mean() - e.mean(axis=1, keepdims=True) - e.mean(axis=0)
    # The variance of a mean over fields includes the noise, and so does that of one over seeds.
    a = standard(a, np.hypot(of_seeds, noise / fields**0.5), seeds - 1)
    b = standard(b, np.hypot(of_fields, noise / seeds**0.5), fields - 1)
    return pandas.DataFrame(a[:, None] + b + standard(e, noise, (seeds - 1) * (fields - 1)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seeds", "fields", "deviations"),
    [(20, 1, (0.012, 0, 0)), (10, 10, (0.006, 0.009, 0.01)), (6, 10, (0.01, 0.001, 0.02))],
)
@pytest.mark.parametrize("level", [0.05 / 8, 0.05])
def test_power_is_the_share_of_simulated_trials_that_succeed(seeds, fields, deviations, level):
    expected = trial_tables.power(table_with_variances(5, fields, *deviations), seeds, level)
    rng, repeats = np.random.default_rng(1), 4000
    of_seeds, of_fields, noise = deviations
    trials = of_seeds * rng.normal(size=(repeats, seeds, 1))
    if fields > 1:
        trials = trials + of_fields * rng.normal(size=(repeats, 1, fields))
        trials += noise * rng.normal(size=(repeats, seeds, fields))
    means = trials.mean(axis=(1, 2))
    squares = trials.mean(axis=2).var(axis=1, ddof=1) / seeds
    if fields > 1:
        squares += trials.mean(axis=1).var(axis=1, ddof=1) / fields
    t = student_t(min(seeds, fields if fields > 1 else seeds) - 1)
    found = 2 * t.sf(np.abs(means + 0.01) / np.sqrt(squares))
    close = t.sf((0.01 - np.abs(means)) / np.sqrt(squares))
    shares = [np.mean(p_values <= level) for p_values in (found, close)]
    assert expected == pytest.approx(shares, abs=4 * 0.5 / repeats**0.5)  # four standard errors


def test_power_with_other_fields_at_each_seed_counts_their_spread_as_that_of_fields():
    values = np.full((4, 24), np.nan)
    for seed in range(4):
        values[seed, 6 * seed : 6 * seed + 6] = [-0.01, 0.01] * 3
    within = 6 / 5 * 0.0001
    t = student_t.ppf(1 - 0.05 / 16, 9)
    shift = 0.01 / (within / 10) ** 0.5
    exact = nct.sf(t, 9, shift) + nct.cdf(-t, 9, shift)
    found = trial_tables.power(pandas.DataFrame(values), 10, 0.05 / 8).difference
    assert found == pytest.approx(exact, abs=1e-4)


def test_power_over_seeds_is_that_of_the_noncentral_t_distribution():
    table = table_with_variances(5, 1, 0.012, 0, 0)
    shift, t = 0.01 / (0.012 / 20**0.5), student_t.ppf(1 - 0.05 / 16, 19)
    exact = nct.sf(t, 19, shift) + nct.cdf(-t, 19, shift)
    assert trial_tables.power(table, 20, 0.05 / 8).difference == pytest.approx(exact, abs=1e-4)


def test_the_table_of_powers_names_what_was_not_made():
    arms = [arm for arm in ARMS if arm != "M_h"]
    frames = {data: records(data, range(5), arms) for data in ("shapes", "nuclei")}
    lines = trial_tables.power_table(frames, {"shapes": 20, "nuclei": 10}).splitlines()
    assert len(lines) == 18 and sum("not made" in line for line in lines) == 2
    expected = trial_tables.power(trial.differences(frames["shapes"], trial.PRIMARY[2]), 20, 0.05)
    assert lines[4].endswith(
        f"| {100 * expected.difference:.0f} % | {100 * expected.equivalence:.0f} % |"
    )


@pytest.mark.fault
def test_errors_name_the_arm_and_the_seeds():
    frame = records("shapes", seeds=(100, 101))
    with pytest.raises(ValueError, match=r"no nll of arm K, weights 'last'.* seeds \[100, 101\]"):
        trial.effects(frame[frame.arm != "K"])
    with pytest.raises(ValueError, match="no nll of arm R_h"):
        trial.effects(frame[frame.arm != "R_h"])  # M_h was made, so R_h must be
    diverged = frame.assign(nll=frame.nll.mask((frame.arm == "M") & (frame.seed == 101)))
    with pytest.raises(ValueError, match=r"no nll of arm M, .* seeds \[101\]"):
        trial.effects(diverged)
    halves = frame[(frame.seed == 100) != (frame.arm == "K")]
    with pytest.raises(ValueError, match=r"no seed has all arms.*100: \['K'\]"):
        trial.effects(halves)
    with pytest.raises(ValueError, match="two records of arm B, seed 100, set test"):
        trial.effects(pandas.concat([frame, frame]))


@pytest.mark.fault
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300, -0.1])
def test_scores_out_of_their_range_are_refused(value):
    frame = records("shapes", seeds=(100, 101))
    frame.loc[(frame.arm == "M") & (frame.seed == 101), "nll"] = value
    message = rf"no nll of arm M, .* seeds \[101\]: {re.escape(str(value))}; expected .* 0 to 1000"
    with pytest.raises(ValueError, match=message):
        trial.scores(frame, "M")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("nll", "inf"),
        ("nll", 1e300),
        ("ece", 55.0),
        ("ece", "abc"),
        ("seed", 0.5),
        ("seed", -1),
        ("temperature", -1.0),
    ],
)
def test_a_damaged_file_of_records_is_refused(tmp_path, monkeypatch, column, value):
    monkeypatch.setattr(trial, "FOLDER", tmp_path)
    frame = records("shapes", seeds=(100,)).assign(temperature=1.0)
    frame[column] = [value, *frame[column][1:]]
    frame.to_csv(tmp_path / "trial_shapes.csv", index=False)
    message = rf"trial_shapes\.csv holds no .*\({column} of record 1 is '?{re.escape(str(value))}"
    with pytest.raises(ValueError, match=message):
        trial.read("shapes")


def test_temperatures_of_runs_may_exceed_1():
    temperatures = trial.scores(
        trial.read("nuclei"), "B", ("temperature", *trial.SCALED[1:]), pooled=True
    )
    assert 1.5 < temperatures.min().item() < temperatures.max().item() < 2.5


def test_records_survive_their_file(tmp_path, monkeypatch):
    frame = records("nuclei", seeds=(100, 101))
    monkeypatch.setattr(trial, "FOLDER", tmp_path)
    frame.to_csv(tmp_path / "trial_nuclei.csv", index=False)
    pandas.testing.assert_frame_equal(trial.read("nuclei"), frame, rtol=1e-12)
    assert trial.verdict_table({"nuclei": trial.read("nuclei")})
    with pytest.raises(FileNotFoundError):
        trial.read("shapes")


def test_figures_show_means_intervals_and_verdicts():
    frames = {data: records(data, range(100, 103)) for data in ("shapes", "nuclei")}
    families = {
        data: trial.effects(frame, confidence=trial.SIMULTANEOUS) | {"M_h - R_h": None}
        for data, frame in frames.items()
    }
    figure = figures.verdict(families)
    for axis, family in zip(figure.axes, families.values(), strict=True):
        words = [text.get_text().split("\n")[0] for text in axis.texts[: len(family)]]
        assert words == [*trial.verdicts(family).values()]
        drawn = [bars.lines[0].get_xdata()[0] for bars in axis.containers]
        assert drawn == [change.mean for change in family.values() if change]
        assert "first method better" in axis.get_xlabel()
    assert "M_h - R_h not tested" in figure.get_label()

    frame = mechanism({"B": 0.8, "L": 0.5, "C": 0.2, "F": 0.6})
    figure = figures.memorised_labels(frame)
    drawn = [line.get_ydata()[-1] for line in figure.axes[0].lines]
    assert drawn[:4] + drawn[-1:] == pytest.approx([0.8, 0.5, 0.2, 0.6, 0.4])
    assert figure.get_label().endswith("is memorised much less is supported.")


def test_the_tuning_table_has_means_and_marks_what_was_chosen():
    rows = [
        {"seed": seed, "arm": arm, "value": value, "weights": weights}
        | {"scaled_nll": value + seed / 100 + (weights == "best"), "alpha_mean": alpha}
        | {"alpha_p10": alpha and alpha - 0.02, "alpha_p90": alpha and alpha + 0.03}
        for seed in (0, 1)
        for arm, value, alpha in (("B", 0.0, np.nan), ("C", 0.1, np.nan), ("M", 2.0, 0.2))
        for weights in ("last", "best")
    ]
    table = trial_tables.tuning_table(pandas.DataFrame(rows), {"C": 0.1, "C_ES": 0.2, "M": 2.0})
    assert [line.split(" | ")[:5] for line in table.splitlines()[2:]] == [
        ["| B", "", "2", "0.005", "1.005"],
        ["| C", "0.1", "2", "**0.105**", "1.105"],
        ["| M", "2", "2", "**2.005**", "3.005"],
    ]
    assert table.endswith("| 0.200, 0.25 |")
