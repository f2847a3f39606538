"""The data, arms, scores and records of benchmarks/second_trial.py, on short runs."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit, log_expit, logit

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import second_trial
from second_trial import REGIMES, Kinds, Regime, arm_of, arms

from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.temperature import pixel_margins
from aslp_lib.recalibration.unperturb import best_dose
from aslp_lib.tensors import load_tensors

WHERE = {"commit": "0123456", "processor": "a test", "torch": "2"}
VALUES = {"C": 0.2, "C_ES": 0.1, "N": 0.2, "M": 20.0}
SHORT = replace(second_trial.SHAPES, epochs=7, limit=12, size=16, batch_size=6)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Short runs of a regime `shapes`, in an empty folder."""
    names = ("B", "C", "C_ES", "L", "N", "M", "R")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("short"))
        patch.setattr(second_trial, "TEST_IMAGES", 20)
        patch.setattr(second_trial, "SHIFTED_IMAGES", 10)
        patch.setattr(second_trial, "VALUES", Path("values.json"))
        second_trial.VALUES.write_text(json.dumps({"shapes": VALUES}))
        patch.setitem(REGIMES, "shapes", Regime(SHORT, range(2), range(200, 202), names))
        patch.setitem(REGIMES, "kinds", Regime(SHORT, (), range(200, 202), ("O", "P", "Q")))
        yield
    second_trial.METHODS.pop("replay", None)


@pytest.fixture(scope="module")
def rows(short):
    """The rows of a unit."""
    second_trial.unit("shapes", 200, WHERE)
    return pd.read_csv("build/second_trial/shapes/200/rows.csv", dtype=second_trial.TEXT)


def nll(logits, labels):
    return float(-log_expit(np.where(labels, logits, -logits)).mean())


def nll_undone(logits, labels, dose, clip, temperature=1.0):
    p = (expit(logits) - dose / 2) / (1 - dose)
    p = np.clip(p, clip, 1 - clip) if dose else p
    return nll(logit(p) / temperature, labels)


@pytest.mark.slow
def test_the_rows_of_a_unit_are_those_of_plain_arithmetic(rows):
    _, data = second_trial.load("shapes", 200)
    sets = second_trial.tests("shapes", 200, data) | {"validation": data.validation}
    assert set(rows["set"]) == {"test", "shifted", "textures", "validation"}
    # So that logits are shared.
    assert torch.equal(sets["shifted"].images, sets["test"].images[:10])
    for arm_name, value, dose in (("B", 0.0, 0.0), ("C", 0.2, 0.4), ("N", 0.2, 0.0)):
        folder = second_trial.RUNS / "shapes" / "200" / arm_of(arm_name, value).key
        each = second_trial.outputs("shapes", folder, "last", sets)["shifted"]
        z, y = each.logits.double().numpy(), each.labels.numpy() == 1
        of_set = (rows.arm == arm_name) & (rows.weights == "last") & (rows["set"] == "shifted")
        run = rows[of_set].set_index("recalibration")
        assert run.nll["as trained"] == pytest.approx(nll(z, y), rel=1e-9)
        scaled = nll(z / run["T"]["temperature"], y)
        assert run.nll["temperature"] == pytest.approx(scaled, rel=1e-9)
        d, t = run.d["(d, T)"], run["T"]["(d, T)"]
        both = nll_undone(z, y, d, min(1e-4, d / 4), t)
        assert run.nll["(d, T)"] == pytest.approx(both, rel=1e-5)
        assert run.nll["undone"] == pytest.approx(nll_undone(z, y, dose, 1e-4), rel=1e-5)
        outside = np.abs(expit(z) - 0.5) / (1 - dose) > 0.4999
        assert run.clipped["undone"] == pytest.approx(outside.mean() if dose else 0)
    assert set(rows["set"][rows.recalibration == "isotonic"]) == {"test"}
    assert dict(zip(rows.arm, rows.value, strict=True)) == VALUES | {"B": 0, "L": 0.2, "R": 20}


def test_other_clips_of_the_undone_probability():
    dataset = Shapes("test", 6, seed=0, size=16)
    y = dataset.masks.numpy() == 1
    q = np.random.default_rng(0).beta(3, 0.4, y.shape)
    f = 0.1 + 0.8 * np.where(y, q, 1 - q)  # of a dose of 0.2
    each = second_trial.Outputs(dataset, torch.from_numpy(logit(f)), dataset.masks)
    sets = {"validation": each, "test": each}
    scored = pd.DataFrame(second_trial.scored_rows(arm_of("C", 0.1), {}, sets))
    row = scored[scored["set"] == "test"].set_index("recalibration").loc["(d, T)"]
    assert row.d > 0.15
    for clip in second_trial.CLIPS:
        expected = nll_undone(logit(f), y, row.d, clip, row["T"])
        assert row[f"nll_{clip:g}"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_insurance_costs_as_much_as_aslp_where_a_temperature_can(rows):
    validation = rows[(rows["set"] == "validation") & (rows.weights == "last")]
    cost = validation.set_index(["arm", "recalibration"]).nll
    aslp, fitted = cost["M", "as trained"], cost["B", "temperature"]
    assert cost["B", "insurance"] == pytest.approx(max(aslp, fitted), abs=2e-5)


@pytest.mark.slow
def test_a_finished_run_is_kept_and_another_one_repeats_its_numbers(short):
    folder, facts = second_trial.run_arm("shapes", 200, arm_of("M", 20.0), WHERE)
    before = {path: path.read_bytes() for path in folder.glob("*.safetensors")}
    assert second_trial.run_arm("shapes", 200, arm_of("M", 20.0), {}) == (folder, facts)
    folder.rename("elsewhere")
    _, same = second_trial.run_arm("shapes", 200, arm_of("M", 20.0), WHERE)
    assert {path: path.read_bytes() for path in folder.glob("*.safetensors")} == before
    assert same | {"seconds": 0} == facts | {"seconds": 0}
    learned = load_tensors(folder / "alphas.safetensors")[0]["alpha"]
    assert learned.shape == (7, 12)
    assert not learned[:6].any()  # they move from the 6th epoch on
    assert facts["last"]["alpha"] == pytest.approx(float(learned[6].mean())) != 0
    _, data = second_trial.load("shapes", 200)
    replayed = second_trial.schedule("R", folder, data, 200, 7)
    assert torch.equal(replayed, learned.mean(1, keepdim=True).expand(7, 12))


def test_a_dose_is_known_unless_alphas_are_learned(short):
    doses = {each.name: each.dose for each in arms("shapes")}
    assert doses == {"B": 0, "C": 0.4, "C_ES": 0.2, "L": 0.4, "N": 0, "M": None, "R": None}


def test_arms_with_the_same_hyperparameters_share_a_run():
    assert arm_of("C", 0.2).key == arm_of("C_ES", 0.2).key
    others = [arm_of(name) for name in ("B", "B+", "O", "P", "Q")]
    others += [arm_of(name, value) for name in "CNLMR" for value in (0.1, 0.2)]
    assert len({each.key for each in others}) == len(others)


def test_kinds_have_the_posterior_that_their_labels_follow():
    test = Kinds("test", 800, seed=1, size=16)
    posterior, labels = test.posterior, test.masks[:, 0].numpy()
    for low, high in ((0.01, 0.1), (0.2, 0.5), (0.5, 0.8), (0.9, 0.99)):
        inside = (posterior > low) & (posterior < high)
        assert labels[inside].mean() == pytest.approx(posterior[inside].mean(), abs=0.06)
    certain, ambiguous = (test.ambiguity[test.ambiguous == kind] for kind in (False, True))
    assert len(certain) == len(ambiguous) == 400
    assert certain.max() < 0.05 and ambiguous.mean() > 10 * certain.mean()


def test_oracle_alphas_follow_the_ambiguity():
    data = Kinds("train", 160, seed=2, size=16)
    ambiguity = data.ambiguity
    alpha = second_trial.oracle_alphas(ambiguity)
    assert alpha.mean() == pytest.approx(0.1) and alpha.max() <= 0.4
    below = alpha < 0.4 - 1e-9
    ratio = alpha[ambiguity > 0] / ambiguity[ambiguity > 0]
    assert ratio[below[ambiguity > 0]] == pytest.approx(ratio.max())


def test_permuted_alphas_are_those_of_the_oracle_in_another_order(short):
    _, data = second_trial.load("kinds", 200)
    o, p, q = (second_trial.schedule(k, second_trial.RUNS, data, 200, 3)[0] for k in "OPQ")
    assert torch.equal(o.sort().values, p.sort().values)
    assert not torch.equal(o, p)
    assert q.tolist() == pytest.approx([0.1] * 160)


def test_the_selection_merges_levels_and_hardly_changes_the_nll():
    rng = np.random.default_rng(0)
    posterior = expit(rng.normal(0, 3, 40_000))
    labels = rng.random(40_000) < posterior
    logits = 1.7 * logit(0.8 * posterior + 0.1) + rng.normal(0, 0.1, 40_000)
    counts = Counts.from_logits(torch.from_numpy(logits)[None], torch.from_numpy(labels)[None])
    exact = best_dose(*pixel_margins(counts))[2]
    assert second_trial.selection_nll(counts) == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize("regime", ["shapes", "nuclei"])
def test_more_training_images_come_from_the_validation_set(short, regime):
    """Two images stay there, or two fields of view."""
    usual, more = (second_trial.load(regime, 200, arm)[1] for arm in ("B", "B+"))
    before, after = (
        sorted(
            part.loaded(i)[0].numpy().tobytes()
            for part in (data.train, data.validation)
            for i in range(len(part))
        )
        for data in (usual, more)
    )
    assert before == after and len(more.train) > len(usual.train)
    kept = more.validation.stems if regime == "shapes" else np.unique(more.validation.groups)
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("nll", "following"),
    [
        ({0.1: 0.30, 0.15: 0.29, 0.2: 0.30}, None),
        ({0.1: 0.28, 0.15: 0.29}, 0.05),
        ({0.1: 0.30, 0.15: 0.28}, 0.2),
        ({0.1: 0.288, 0.15: 0.29}, None),
        ({0.0125: 0.2, 0.025: 0.3}, None),
        ({0.4: 0.3, 0.45: 0.2}, None),
    ],
)
def test_a_ladder_is_widened_beyond_a_clearly_best_edge(nll, following):
    assert second_trial.widened(pd.Series(nll)) == following


def test_records_grow_without_changing_what_they_hold(tmp_path):
    file = tmp_path / "records.csv"
    second_trial.append(file, pd.DataFrame([{"seed": 1, "nll": 0.123456789, "why": "a, b"}]))
    first = file.read_text()
    second_trial.append(file, pd.DataFrame([{"seed": 2, "nll": np.nan, "T": 2.0}]))
    assert first == 'seed,nll,why\n1,0.1234568,"a, b"\n'
    assert file.read_text() == 'seed,nll,why,T\n1,0.1234568,"a, b",\n2,,,2\n'


def test_the_ece_of_groups_is_that_of_the_whole_set_and_not_of_small_sets():
    """The predictor is calibrated, and then its temperature is 2."""
    rng = np.random.default_rng(3)
    p = torch.from_numpy(rng.uniform(0.02, 0.98, (300, 1, 8, 8)))
    data = Kinds("test", 300, 1, 8)
    data.groups = np.arange(300) % 50
    y = torch.from_numpy(rng.random(p.shape) < p.numpy())
    each = second_trial.Outputs(data, p.logit(), y)
    small = [ece(p[data.groups == k], y[data.groups == k]) for k in range(50)]
    for logits, error in ((p.logit(), 0.0), (p.logit() / 2, ece((p.logit() / 2).sigmoid(), y))):
        row = each.scores(logits)
        values = [float(v) for v in row["ece_groups"].split()]
        assert np.mean(values) == pytest.approx(error, abs=0.01)
        assert np.mean([float(v) for v in row["nll_groups"].split()]) == pytest.approx(row["nll"])
    assert np.mean(small) > 0.02


def ece(p, y):
    """The ECE of probabilities, from counts of their 1,024 grey levels."""
    return calibration.ece(Counts.from_probabilities(p, y, second_trial.GREY_LEVELS))


@pytest.mark.slow
def test_repeated_runs_have_the_weights_of_their_records(rows, monkeypatch, capsys):
    monkeypatch.setattr(second_trial, "RECORDS", Path("records.csv"))
    monkeypatch.setattr(second_trial, "here", lambda: WHERE)
    second_trial.append(second_trial.RECORDS, rows)
    second_trial.repeat(2)
    printed = capsys.readouterr().out
    assert printed.count(": the same weights") == 4
    assert second_trial.read(second_trial.RECORDS)["commit"].unique().tolist() == ["0123456"]


@pytest.mark.slow
@pytest.mark.fault
def test_a_job_of_another_commit_fails_and_is_named():
    job = {"regime": "kinds", "seed": 200, "where": {"commit": "another"}}
    with pytest.raises(SystemExit, match=r"this job failed: .*'commit': 'another'"):
        list(second_trial.side_by_side(1, [job]))


def test_what_is_dropped_first_runs_last():
    order = [("shapes", 19), ("photos", 6), ("photos", 7), ("photos x2", 0)]
    assert [second_trial.lateness(*place) for place in order] == [0, 0, 1, 2]


def test_units_that_are_left_out_are_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(second_trial, "LOG", tmp_path / "log.csv")
    for event, seed in (("started", 200), ("left out", 201), ("complete", 202)):
        second_trial.log(event, "kinds", seed, WHERE)
    second_trial.append(tmp_path / "records.csv", pd.DataFrame([{"regime": "kinds", "seed": 202}]))
    done = second_trial.finished(tmp_path / "records.csv")
    assert done == {("kinds", 201), ("kinds", 202)}


LOST = {"2030521"}
"""A commit of the first trial that was rewritten before it was published, see docs/trial.md."""


def test_every_commit_that_a_record_of_a_trial_names_is_in_the_history():
    root = Path(__file__).parents[1]
    git = subprocess.run(
        ["git", "rev-parse", "--is-shallow-repository"], cwd=root, capture_output=True, text=True
    )
    if git.stdout.strip() != "false":
        pytest.skip("there is no history")
    files = [*root.glob("benchmarks/results/*.csv"), *root.glob("aslp_lib/course/recorded/*.csv")]
    named = {
        commit
        for file in files
        for name, column in pd.read_csv(file, dtype=str).items()
        if str(name).endswith("commit")
        for commit in column.dropna().unique()
    }
    assert "acbb24a" in named
    for commit in named - LOST:
        subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=root, check=True)
