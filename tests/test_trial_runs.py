"""The arms, scores and records of benchmarks/trial.py, on short runs."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import trial
import undone

from aslp_lib.course import trial as analysis
from aslp_lib.data.nuclei import nuclei
from aslp_lib.data.shapes import Shapes
from aslp_lib.methods import constant_alpha
from aslp_lib.recalibration import Temperature
from aslp_lib.training.validation import validate

VALUES = {"C": 0.3, "C_ES": 0.2, "L*": 0.1, "M": 50.0, "M_h": 20.0}
SHORT = replace(trial.SETTINGS["shapes"], epochs=3, limit=10, size=16, batch_size=5, seed=100)


@pytest.fixture(autouse=True)
def without_the_arms_methods():
    """Remove the methods that arms register, which other tests do not expect."""
    yield
    for name in ("replay", "frozen_switch"):
        trial.METHODS.pop(name, None)


@pytest.fixture(scope="module")
def data():
    return SHORT.load_data()


def weights(arm, data, settings=SHORT):
    return trial.trained(arm, settings, data).kept["last"].weights


def test_replaying_a_constant_alpha_is_training_with_it(data):
    replayed = weights(trial.Arm("R", "replay", schedule=torch.full((3, 10), 0.3)), data)
    constant = weights(trial.constant("C", 0.3), data)
    assert all(torch.equal(replayed[name], value) for name, value in constant.items())


def test_replay_uses_the_alphas_of_its_epoch(data):
    schedule = torch.zeros(3, 10)
    schedule[2] = 0.5
    late, never = trial.Arm("R", "replay", schedule=schedule), trial.constant("C", 0.0)
    for epochs, equal in ((2, True), (3, False)):
        settings = replace(SHORT, epochs=epochs)
        first, second = (weights(arm, data, settings)["head.weight"] for arm in (late, never))
        assert torch.equal(first, second) == equal


def test_the_frozen_switch_never_changes(data, monkeypatch):
    seen = []
    original = trial.sc_bce

    def noted(logits, labels, alpha, technique, draws, **options):
        inverted = (draws.uniform < alpha).tolist()
        seen.extend(zip(draws.images, inverted, strict=True))
        return original(logits, labels, alpha, technique, draws, **options)

    monkeypatch.setattr(constant_alpha, "sc_bce", noted)
    trial.trained(trial.Arm("F", "frozen_switch", {"technique": "HI", "alpha": 0.5}), SHORT, data)
    by_image = {image: {flag for i, flag in seen if i == image} for image in range(10)}
    assert all(len(flags) == 1 for flags in by_image.values())
    assert {True, False} == set.union(*by_image.values())
    seen.clear()
    trial.trained(trial.constant("C", 0.5), SHORT, data)
    assert any(len({flag for i, flag in seen if i == image}) == 2 for image in range(10))


def test_alphas_are_kept_at_the_start_of_every_epoch(data):
    settings = SHORT.tuned(aslp={"alpha_warm_up": 1})
    result = trial.trained(trial.adaptive("M", 50.0), settings, data)
    assert result.learned.shape == (3, 10)
    assert (result.learned[:2] == 0).all()  # the warm-up ends with the first epoch
    assert (result.learned[2] > 0).any()
    assert not torch.equal(result.learned[2], result.alpha)


class Fixed(nn.Module):
    """A network that returns given logits in turn."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.done = logits, 0

    def forward(self, images):
        self.done += len(images)
        return self.logits[self.done - len(images) : self.done]


def test_excess_is_the_mean_over_unlikely_labels():
    shapes = Shapes("train", 24, seed=3, size=16)
    logits = torch.randn(24, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    shown = torch.arange(24) % 4 > 0
    total, pixels = 0.0, 0
    for i, row, column in np.ndindex(24, 16, 16):
        y, posterior = shapes.masks[i, 0, row, column], float(shapes.posterior[i, row, column])
        pi = posterior if y else 1 - posterior
        if pi < 0.3 and shown[i]:
            p = 1 / (1 + np.exp(-float(logits[i, 0, row, column])))
            total += (p if y else 1 - p) - (0.6 * pi + 0.2)
            pixels += 1
    assert pixels
    mean, number = trial.excess(Fixed(logits), shapes, 0.4, shown)
    assert (mean, number) == (pytest.approx(total / pixels, rel=1e-5), pixels)


def test_scores_agree_with_scikit_learn_for_the_set_and_every_field():
    test = nuclei(limit=60).tests["test"]
    logits = 2 * torch.randn(60, 1, 64, 64, generator=torch.Generator().manual_seed(0)).double()
    rows = trial.scored(logits, test.masks, test)
    assert [row["field"] for row in rows] == [None, *np.unique(test.fields)]
    for row in rows:
        chosen = slice(None) if row["field"] is None else test.fields == row["field"]
        y, p = test.masks[chosen].ravel().numpy(), torch.sigmoid(logits[chosen]).ravel().numpy()
        assert row["images"] == len(test.masks[chosen])
        assert row["nll"] == pytest.approx(log_loss(y, p), rel=1e-9)
        assert row["brier"] == pytest.approx(brier_score_loss(y, p), rel=1e-9)
        assert row["accuracy"] == pytest.approx(((p > 0.5) == y).mean(), abs=1e-12)


def test_the_temperature_is_that_of_the_validation_set(data):
    result = trial.trained(trial.Arm("B", "bce"), SHORT, data)
    network = trial.networks.build("tiny")
    for kept in result.kept.values():
        network.load_state_dict(kept.weights)
        counts = validate(network, data.validation, SHORT)
        # The layout of the weights in memory is another one, and with it the last bits of logits.
        assert kept.temperature == pytest.approx(Temperature().fit(counts).value.item(), rel=1e-5)


@pytest.mark.slow
def test_a_unit_is_recorded_when_it_is_complete_and_analysed(tmp_path, monkeypatch):
    for name, value in {
        "SETTINGS": {"nuclei": replace(trial.SETTINGS["nuclei"], epochs=6, limit=10)},
        "RUNS": tmp_path / "runs",
        "RECORDS": tmp_path,
    }.items():
        monkeypatch.setattr(trial, name, value)
    where = {"commit": "abc", "processor": "one"}

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(trial, "rows_of", stop)
        trial.unit("nuclei", 100, VALUES, where)
    trial.collect("nuclei")
    assert not list(tmp_path.glob("*.csv"))
    trial.unit("nuclei", 100, VALUES, where)
    trial.collect("nuclei")
    trial.collect("nuclei")  # a seed is added once
    records = pd.read_csv(tmp_path / "trial_nuclei.csv")
    assert set(records["commit"]) == {"abc"}
    assert [*dict.fromkeys(records["arm"])] == [
        "B",
        "C",
        "L",
        "L*",
        "M",
        "R",
        "K",
        "C_ES",
        "M_h",
        "R_h",
    ]
    changes = analysis.effects(pd.concat([records, records.assign(seed=101)]))
    assert len(changes) == 8 and all(change is not None for change in changes.values())


@pytest.mark.parametrize("data", trial.DATA)
def test_logits_to_undo_are_those_of_the_arms_and_are_computed_once(tmp_path, monkeypatch, data):
    """From the files follow the temperature and the rows of the trial."""
    settings = replace(trial.SETTINGS[data], epochs=2, limit=10, batch_size=5)
    monkeypatch.setattr(trial, "SETTINGS", {data: settings})
    monkeypatch.setattr(trial, "TEST_IMAGES", 8)
    monkeypatch.setattr(undone, "FOLDER", tmp_path)
    undone.unit(data, 100, 0.2, {"commit": "abc"})
    files = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*.npz")}
    assert set(files) == {f"{data}/100/{a}_{e}.npz" for a in "BCN" for e in ("last", "best")}

    settings = replace(settings, seed=100, data_seed=100)
    splits = trial.split(settings)
    options = {"technique": "HI", "alpha": 0.2, "forward_correction": True}
    kept = trial.trained(trial.Arm("N", "constant_alpha", options), settings, splits).kept["best"]
    network = trial.networks.build(settings.network)
    rows = trial.rows_of(kept, network, trial.sets_of(data, settings, splits))
    content = np.load(files[f"{data}/100/N_best.npz"])
    facts = json.loads(str(content["facts"]))
    assert (facts["dose"], facts["commit"], facts["epoch"]) == (0.4, "abc", kept.epoch)
    assert facts["temperature"] == kept.temperature
    for row in rows:
        if row["recalibration"] != "none" or row["field"] is not None:
            continue
        z, y = (content[f"{row['set']}_{part}"].astype(float) for part in ("logits", "labels"))
        assert row["nll"] == pytest.approx(np.mean(np.logaddexp(0, z) - y * z), rel=1e-9)
        if data == "shapes":
            error = np.mean((1 / (1 + np.exp(-z)) - content[f"{row['set']}_posterior"]) ** 2)
            assert row["posterior_error"] == pytest.approx(error, rel=1e-6)
    losses = [np.load(files[f"{data}/100/{a}_last.npz"])["validation_logits"] for a in "BCN"]
    assert not np.array_equal(losses[0], losses[1]) and not np.array_equal(losses[1], losses[2])

    files[f"{data}/100/C_best.npz"].unlink()
    trained, original = [], trial.trained

    def noted(arm, *arguments):
        trained.append(arm.name)
        return original(arm, *arguments)

    monkeypatch.setattr(trial, "trained", noted)
    undone.unit(data, 100, 0.2, {"commit": "abc"})
    assert trained == ["C"] and files[f"{data}/100/C_best.npz"].exists()


def test_runs_of_another_commit_are_repeated(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(trial, "RUNS", tmp_path)
    monkeypatch.setattr(trial, "SETTINGS", {"nuclei": replace(trial.SETTINGS["nuclei"], limit=4)})
    monkeypatch.setattr(trial, "rows_of", lambda *_: [])

    def note(arm, settings, data):
        trained.append(arm.name)
        return trial.Trained({}, torch.zeros(1, 4), torch.zeros(4), {}, 0.0)

    monkeypatch.setattr(trial, "trained", note)
    values = {"C": 0.1, "C_ES": 0.1, "L*": 0.1, "M": 50.0}
    for commit, runs in (("abc", 7), ("abc", 0), ("def", 7)):
        trained.clear()
        trial.unit("nuclei", 100, values, {"commit": commit, "processor": "one"})
        assert len(trained) == runs
        assert json.loads((tmp_path / "nuclei/100/complete").read_text())["commit"] == commit


def test_units_of_tuning_seeds_never_enter_the_records_nor_read_the_test_fields(
    tmp_path, monkeypatch
):
    settings = replace(SHORT, data="nuclei", size=64, limit=4)
    for seed, expected in ((0, ["validation"]), (100, [*settings.load_data().tests])):
        splits = settings.load_data()
        sets = trial.sets_of("nuclei", replace(settings, seed=seed, data_seed=seed), splits)
        assert [dataset.name for dataset in sets.values()] == expected
    for name, path in {"RUNS": "runs", "RECORDS": "", "TUNING": "tuning.csv"}.items():
        monkeypatch.setattr(trial, name, tmp_path / path)
    for seed in (0, 100):
        folder = tmp_path / f"runs/nuclei/{seed}"
        folder.mkdir(parents=True)
        (folder / "complete").write_text('{"commit": "abc"}')
        content = {"where": {}, "rows": [{"seed": seed, "arm": "B"}], "mechanism": []}
        (folder / "B.json").write_text(json.dumps(content))
    trial.collect("nuclei")
    for file, seed in (("trial_nuclei.csv", 100), ("trial_power_nuclei.csv", 0)):
        assert [*pd.read_csv(tmp_path / file)["seed"]] == [seed]


@pytest.mark.parametrize(
    ("scores", "next_value"),
    [
        ({0.1: 0.30, 0.15: 0.29, 0.2: 0.30}, None),  # inside
        ({0.1: 0.30, 0.15: 0.29, 0.2: 0.28}, 0.25),
        ({0.1: 0.28, 0.15: 0.29, 0.2: 0.30}, 0.05),
        ({0.1: 0.30, 0.15: 0.281, 0.2: 0.28}, None),  # close to its neighbour
        ({0.4: 0.30, 0.45: 0.28}, None),  # at the limit
    ],
)
def test_a_grid_is_widened_at_an_edge_that_is_best(monkeypatch, scores, next_value):
    monkeypatch.setattr(trial, "means", lambda *_: pd.Series(scores))
    assert trial.widened("shapes", "C", "last") == next_value
