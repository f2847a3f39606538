"""The analysis of the second trial, on made-up records, against SciPy and plain arithmetic."""

import collections
import csv
import itertools
import subprocess
from pathlib import Path

import numpy as np
import pandas
import pytest
import trial_tables
from scipy import stats

from aslp_lib.course import second_trial

SEEDS, GROUPS = 10, 50
ARMS = ("B", "C", "C_ES", "L", "N", "M", "R")
EFFECTS = {"B": 0.03, "C": 0.0, "C_ES": 0.0, "L": 0.02, "N": -0.03, "M": 0.04, "R": 0.04}
"""Mean NLL of each arm at the last epoch above 0.2 nats."""
SHARES = {"nll": 1, "nll_0.001": 1, "nll_1e-06": -1, "ece": 0.25, "brier": 0.5, "accuracy": -1}
"""Scores of the made-up records, as multiples of the NLL."""


def made(effects=EFFECTS, groups=GROUPS, seeds=SEEDS, noise=0.002, spread=0.3):
    """Records of a regime whose arms differ as `effects` says, in every recalibration and set."""
    rng, rows = np.random.default_rng(0), []
    of_seed, of_group = rng.normal(0, 0.02, seeds), rng.normal(0, 0.05, max(groups, 1))
    for arm, weights, seed, how, name in itertools.product(
        effects, ("last", "best"), range(seeds),
        ("as trained", "temperature", "undone", "(d, T)", "isotonic", "insurance"),
        ("validation", "test", "SOD", "DTD"),
    ):  # fmt: skip
        value = 0.2 + of_seed[seed] + effects[arm] * (weights == "last")
        value += 0.1 * (how == "insurance") * (name == "SOD")
        row, each = {}, value + of_group + rng.normal(0, noise, max(groups, 1))
        if how == "temperature":  # it would call all methods alike
            each = 0.3 + of_group + rng.normal(0, noise, max(groups, 1))
        for score, share in SHARES.items():
            row[score] = share * each.mean()
            if groups:
                row[f"{score}_groups"] = " ".join(f"{share * x:.7g}" for x in each)
        rows.append(row | {
            "T": 1.5, "d": 0.1, "clipped": 0.25, "posterior_error": np.nan, "matched": seed < 3,
            "seed": 200 + seed, "arm": arm, "weights": weights, "set": name, "recalibration": how,
            "value": 0.2 * (arm != "B"), "alpha": 0.1 if arm in "MR" else np.nan,
            "alpha_p10": 0.09, "alpha_p90": 0.09 + spread / 10,
        })  # fmt: skip
    return pandas.DataFrame(rows)


def values(frame, method, how="(d, T)", name="test"):
    arm = method if method == "C_ES" else method.removesuffix("_ES")
    weights = "best" if method.endswith("_ES") else "last"
    rows = frame[(frame.arm == arm) & (frame.weights == weights) & (frame["set"] == name)]
    rows = rows[rows.recalibration == how].sort_values("seed")
    return np.array([[float(x) for x in text.split()] for text in rows.nll_groups])


def test_words_say_what_is_true_of_made_up_records():
    words = {j.contrast.label: j.word for j in second_trial.primary(made(), "shapes")}
    assert words == {
        "C - B": "better", "C - L": "better", "C - B_ES": "too small to matter",
        "N - B_ES": "better", "C_ES - B_ES": "too small to matter", "M - R": "too small to matter",
    }  # fmt: skip
    alike = second_trial.primary(made(spread=0.1), "shapes")
    words["M - R"] = "alphas hardly differ"
    assert {j.contrast.label: j.word for j in alike} == words  # what is resolved stays
    noisy = second_trial.primary(made(noise=1.0), "shapes")
    assert [j.word for j in noisy] == ["not resolved"] * 6


def test_without_groups_seeds_are_the_sample():
    frame = made(groups=0)
    by_seed = frame.query("weights == 'last' and recalibration == '(d, T)' and set == 'test'")
    by_seed = by_seed.pivot_table(values="nll", index="seed", columns="arm")
    for (first, second, _), effect, _ in second_trial.primary(frame, "shapes")[:2]:
        test = stats.ttest_rel(by_seed[first], by_seed[second])
        assert effect.p_value == pytest.approx(test.pvalue, rel=1e-6)
        ends = test.confidence_interval(1 - 0.05 / 6)
        assert (effect.low, effect.high) == pytest.approx((ends.low, ends.high), rel=1e-6)


def test_photographs_have_no_r_and_their_c_es_is_the_best_epoch_of_c():
    frame = made({k: v for k, v in EFFECTS.items() if k not in ("R", "C_ES")})
    judged = {j.contrast.label: j for j in second_trial.primary(frame, "photos")}
    assert "M - R" not in judged
    rows = frame.query("weights == 'best' and recalibration == '(d, T)' and set == 'test'")
    nll = rows.groupby("arm").nll.mean()
    assert judged["C_ES - B_ES"].effect.mean == pytest.approx(nll["C"] - nll["B"], abs=1e-6)


def test_the_paper_s_family_and_insurance_take_networks_as_trained():
    frame = made()
    paper = second_trial.paper(frame, "photos")
    assert [j.contrast.question for j in paper] == ["ece of test", "nll of SOD", "nll of DTD"]
    assert paper[0].effect.mean == pytest.approx(0.01 / 4, abs=2e-4)
    sod, dtd = second_trial.insurance(frame, "photos")
    assert (sod.contrast.question, sod.word) == ("nll of SOD", "better")
    assert sod.effect.mean == pytest.approx(0.01 - 0.1, abs=1e-3)
    assert dtd.word == "worse"  # within the margin of equivalence, but resolved
    assert dtd.effect.mean == pytest.approx(0.01, abs=1e-3)
    lacking = frame.drop(frame[(frame.seed == 203) & (frame.recalibration == "insurance")].index)
    with pytest.raises(ValueError, match=r"the seeds \[203\] have no temperature"):
        second_trial.insurance(lacking, "photos")


def test_secondary_differences_may_join_recalibrations_and_regimes():
    frame, longer = made(), made({"C": -0.05}, seeds=5)
    contrast = second_trial.Contrast("C", "B_ES", "")
    mixed = second_trial.individual(frame, contrast, ("as trained", "temperature"))
    change = values(frame, "C", "as trained") - values(frame, "B_ES", "temperature")
    assert mixed.mean == pytest.approx(change.mean())
    assert mixed.seeds == SEEDS
    twice = second_trial.individual(longer, second_trial.Contrast("C", "C", ""), other=frame)
    assert twice.mean == pytest.approx(-0.05, abs=2e-3)
    assert twice.seeds == 5


def test_missing_and_repeated_records_are_named():
    frame = made()
    with pytest.raises(ValueError, match="no records of arm N"):
        second_trial.table(frame[frame.arm != "N"], "N")
    with pytest.raises(ValueError, match="20 records of B"):
        second_trial.table(pandas.concat([frame, frame]), "B")


@pytest.mark.slow
@pytest.mark.parametrize("deviations", [(1, 1, 0), (1, 1, 1), (0, 1, 1), (1, 0, 0)])
def test_without_a_true_difference_groups_reject_in_at_most_5_percent(deviations):
    """The larger p-value of two t-tests, one over seeds and one over groups, rejects in 9 %."""
    rng, rejected, shapes = np.random.default_rng(2), [], ((10, 1), (1, 10), (10, 10))
    for _ in range(1000):
        table = sum(d * rng.normal(size=k) for d, k in zip(deviations, shapes, strict=True))
        rejected.append(second_trial.effect(pandas.DataFrame(table)).p_value <= 0.05)
    assert np.mean(rejected) <= 0.05 + 4 * (0.05 * 0.95 / 1000) ** 0.5


BETTER, WORSE, SMALL, OPEN = "better", "worse", "too small to matter", "not resolved"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([(-0.02, 0.012, 0.9)], [BETTER]),  # 4 x 0.012 = 0.048
        ([(-0.02, 0.013, 0.9)], [OPEN]),  # 0.052
        ([(-0.004, 0.001, 0.012)], [SMALL]),
        ([(-0.05, 0.001, 0.9), (0.03, 0.016, 0.9), (0.03, 0.026, 0.9)], [BETTER, WORSE, OPEN]),
        # The equivalences are a family of their own: 4 x 0.012, whatever the differences are.
        ([(-0.05, 0.001, 0.9), (0.0, 0.8, 0.012)], [BETTER, SMALL]),
        ([(-0.05, 0.001, 0.9), (0.0, 0.8, 0.013)], [BETTER, OPEN]),
    ],
)
def test_words_follow_from_p_values_adjusted_by_holm(numbers, words, monkeypatch):
    """Means, p-values and p-values of the equivalence in a family of four."""
    numbers = [*numbers, *[(0.005, 0.9, 0.9)] * 4][:4]
    effects = [second_trial.Effect(m, -1, 1, p, equal, seeds=20) for m, p, equal in numbers]
    monkeypatch.setattr(second_trial, "effect", lambda effect, confidence: effect)
    judged = second_trial.judge(dict(enumerate(effects)), equivalence=True)
    assert [each.word for each in judged] == [*words, *[OPEN] * 4][:4]


def cells(table):
    """The cells of each row of a Markdown table, by the title of the column."""
    head, _, *rows = (line.strip("| ").split(" | ") for line in table.splitlines())
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_tables_of_verdicts_say_where_judges_differ():
    frame = made()
    rows = {row["difference"]: row for row in cells(trial_tables.primary(frame, "shapes"))}
    change = values(frame, "C") - values(frame, "L")
    variance = change.mean(1).var(ddof=1) / SEEDS + change.mean(0).var(ddof=1) / GROUPS
    half = stats.t.ppf(1 - 0.05 / 12, SEEDS - 1) * variance**0.5
    low, high = change.mean() - half, change.mean() + half
    interval = f"{change.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
    row = rows["C - L"]
    assert row["NLL after (d, T)"] == f"better: {interval} (worse if clipped at 1e-6)"
    assert row["after T"].startswith("too small to matter: ")
    assert row["after isotonic regression"].startswith("better: -0.0")
    assert row["accuracy, points"].startswith(f"{-100 * change.mean():+.2f} [")
    alphas = [rows[name]["alphas"] for name in ("C - B", "C - L", "M - R")]
    assert alphas == ["0.2 and -", "0.2 and 0.2", "0.1 and 0.1"]
    assert rows[r"C\_ES - B\_ES"]["NLL after (d, T)"].startswith("too small to matter: ")


def test_tables_of_the_paper_s_claim_and_of_the_insurance_show_means():
    frame = made()
    first, *shifted = cells(trial_tables.paper({"photos": frame}))
    aslp, bce = (values(frame, arm, "as trained").mean() / 4 for arm in "MB")
    assert first["score"] == "ECE, test"
    assert (first["ASLP (MC)"], first["BCE"]) == (f"{100 * aslp:.2f}", f"{100 * bce:.2f}")
    assert first["ASLP - BCE"].startswith(f"worse: {100 * (aslp - bce):+.2f} [")
    assert [row["score"] for row in shifted] == ["NLL, SOD", "NLL, DTD"]
    sod, _ = cells(trial_tables.insurance({"photos": frame}))
    assert sod["BCE at T"] == f"{values(frame, 'B', 'insurance', 'SOD').mean():.3f}"
    assert sod["T; fitted"] == "1.50; 7 of 10" and sod["difference"].startswith("better: -0.0")


def test_tables_of_all_methods_and_of_differences_without_a_verdict():
    frame = made()
    table = cells(trial_tables.methods(frame))
    rows = {row["method"]: row for row in table}
    both = [arm for arm in ARMS if arm != "C_ES"]
    assert len(table) == len(rows)
    assert {*rows} == {*both} | {rf"{arm}\_ES" for arm in both}
    of_seeds = values(frame, "N").mean(1)
    assert rows["N"]["NLL, (d, T)"] == f"{of_seeds.mean():.3f} ± {of_seeds.std(ddof=1):.3f}"
    assert rows["N"]["clipped, (d, T)"] == "25.00 ± 0.00"
    change = values(frame, "C", name="DTD") - values(frame, "B", name="DTD")
    of_contrasts = {
        row["difference"]: row for row in cells(trial_tables.secondary(frame, "photos"))
    }
    assert of_contrasts["C - B"]["NLL of DTD, (d, T)"].startswith(f"{change.mean():+.3f} [")


def test_the_table_of_oracle_alphas_has_both_recalibrations():
    frame = made({"O": -0.03, "P": 0.0, "Q": 0.02}, groups=0)
    by_kind = frame[frame.recalibration == "(d, T)"].assign(recalibration="(d, T) by kind")
    rows = cells(trial_tables.oracle(pandas.concat([frame, by_kind])))
    assert [row["difference"] for row in rows] == ["O - P", "O - Q"]
    assert rows[0]["NLL as trained"].startswith("-0.03")
    assert rows[1]["NLL (d, T) by kind"].startswith("-0.05")


@pytest.fixture(scope="module")
def lines():
    """Scores of the records, from the lines of the file: place -> seed -> scores of the groups."""
    found = collections.defaultdict(dict)
    with second_trial.RECORDS.open() as file:
        for row in csv.DictReader(file):
            place = row["regime"], row["arm"], row["weights"], row["recalibration"], row["set"]
            for score in ("nll", "ece"):
                numbers = row[f"{score}_groups"] or row[score]
                found[*place, score][row["seed"]] = [*map(float, numbers.split())]
    return found


def check_by_other_lines(effect, lines, first, second, place):
    """Compare an effect with the formulas of docs/second_trial.md."""
    regime, name, score = place
    arms = []
    for method, how in (first, second):
        own = method == "C_ES" and regime != "photos"
        arm, weights = method if own else method[0], "best" if "_ES" in method else "last"
        arms.append(lines[regime, arm, weights, how, name, score])
    change = np.array([np.subtract(arms[0][seed], arms[1][seed]) for seed in sorted(arms[0])])
    n, m = change.shape
    variance, freedom = change.mean(1).var(ddof=1) / n, n - 1
    if m > 1:
        variance, freedom = variance + change.mean(0).var(ddof=1) / m, min(n, m) - 1
    t = change.mean() / variance**0.5
    assert effect.mean == pytest.approx(change.mean(), rel=1e-9)
    assert effect.p_value == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-6)


def test_the_records_give_the_same_contrasts_by_other_lines(lines):
    records, judge = second_trial.read(), second_trial.CRITERION
    for regime in second_trial.SHIFTED:
        frame = records[records.regime == regime]
        for (first, second, _), effect, _ in second_trial.primary(frame, regime):
            place = regime, "test", "nll"
            check_by_other_lines(effect, lines, (first, judge), (second, judge), place)
        for of_bce, family in (
            ("as trained", second_trial.paper), ("insurance", second_trial.insurance)
        ):  # fmt: skip
            for contrast, effect, _ in family(frame, regime):
                score, name = contrast.question.split(" of ")
                methods = ("M", "as trained"), ("B", of_bce)
                check_by_other_lines(effect, lines, *methods, (regime, name, score))
    for (label, how), effect in second_trial.oracle(records[records.regime == "kinds"]).items():
        methods = [(arm, how) for arm in label.split(" - ")]
        check_by_other_lines(effect, lines, *methods, ("kinds", "test", "nll"))


LOST = {"2030521"}
"""A commit of the first trial that was rewritten, see docs/first_trial.md."""


def test_every_commit_that_a_record_of_a_trial_names_is_in_the_history():
    root = Path(__file__).parents[2]
    git = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"], cwd=root, capture_output=True, text=True
    )
    if git.stdout.strip() != "false":
        pytest.skip("there is no history")
    files = [*root.glob("benchmarks/results/*.csv"), *root.glob("aslp_lib/course/recorded/*.csv")]
    named = {
        commit
        for file in files
        for name, column in pandas.read_csv(file, dtype=str).items()
        if str(name).endswith("commit")
        for commit in column.dropna().unique()
    }
    assert "acbb24a" in named
    for commit in named - LOST:
        subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=root, check=True)
