"""The analysis of the trial, on records made here whose differences are known."""

import itertools

import numpy as np
import pandas
import pytest
from scipy.stats import ttest_1samp

from aslp_lib.course import trial

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


@pytest.mark.parametrize("spread", ["seeds", "fields"])
def test_an_effect_on_nuclei_takes_the_larger_p_value_of_seeds_and_fields(spread):
    frame = records("nuclei", noise=0.001, C=-0.004)
    common = np.random.default_rng(1).normal(0, 0.005, 12)
    of_c = (frame.arm == "C") & frame.field.notna()
    index = frame.seed - 100 if spread == "seeds" else frame.field.fillna(0).astype(int)
    frame["nll"] += of_c * common[index]
    change = trial.effects(frame)["C - L"]
    table = column(frame, "C", fields=True) - column(frame, "L", fields=True)
    over_seeds, over_fields = table.mean(axis=1), table.mean(axis=0)
    larger, smaller = (over_seeds, over_fields)[:: 1 if spread == "seeds" else -1]
    test = ttest_1samp(larger, 0)
    assert change[:4] == pytest.approx((table.mean(), *test.confidence_interval(0.95), test.pvalue))
    assert change.equivalence == pytest.approx(tost(larger))
    assert test.pvalue > ttest_1samp(smaller, 0).pvalue and tost(larger) > tost(smaller)


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


def test_what_was_not_made_or_cannot_be_shown_is_named():
    arms = [arm for arm in ARMS if arm not in ("M_h", "R_h")]
    frame = records("shapes", seeds=range(100, 103), arms=arms, noise=0.05)
    lines = trial.verdict_table({"shapes": frame}, {"shapes": ["C - L"]}).splitlines()
    assert "| not tested |" in next(line for line in lines if "differences of alpha" in line)
    noted = [line for line in lines if "not resolved (equivalence not testable)" in line]
    assert len(noted) == 1 and noted[0].startswith("| C - L |")


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


@pytest.mark.fault
def test_errors_name_the_arm_and_the_seeds():
    frame = records("shapes", seeds=(100, 101))
    with pytest.raises(ValueError, match=r"no nll of arm K, weights 'last'.* seeds \[100, 101\]"):
        trial.effects(frame[frame.arm != "K"])
    diverged = frame.assign(nll=frame.nll.mask((frame.arm == "M") & (frame.seed == 101)))
    with pytest.raises(ValueError, match=r"no nll of arm M, .* seeds \[101\]"):
        trial.effects(diverged)
    halves = frame[(frame.seed == 100) != (frame.arm == "K")]
    with pytest.raises(ValueError, match=r"no seed has all arms.*100: \['K'\]"):
        trial.effects(halves)
    with pytest.raises(ValueError, match="two records of arm B, seed 100, set test"):
        trial.effects(pandas.concat([frame, frame]))


def test_records_survive_their_file(tmp_path, monkeypatch):
    frame = records("nuclei", seeds=(100, 101))
    monkeypatch.setattr(trial, "FOLDER", tmp_path)
    frame.to_csv(tmp_path / "trial_nuclei.csv", index=False)
    pandas.testing.assert_frame_equal(trial.read("nuclei"), frame, rtol=1e-12)
    assert trial.verdict_table({"nuclei": trial.read("nuclei")})
    with pytest.raises(FileNotFoundError):
        trial.read("shapes")
