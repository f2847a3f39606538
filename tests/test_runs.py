import json
from dataclasses import replace

import pytest
import torch

from aslp_lib import networks, runs
from aslp_lib.config import PRESETS, Settings, default_preset


def test_a_taken_folder_gets_a_number(tmp_path):
    paths = [runs.Run.create(tmp_path / "demo", Settings()).path.name for _ in range(3)]
    assert paths == ["demo", "demo-2", "demo-3"]


def test_a_run_of_version_0_1_has_its_files_under_their_old_names(tmp_path):
    run = runs.Run(tmp_path, Settings(methods=("bce", "measured_gap")))
    (tmp_path / "gap").mkdir()
    assert run.method("measured_gap").path == tmp_path / "gap"
    assert run.method("bce").path == tmp_path / "bce"


def test_settings_survive_the_folder(tmp_path):
    settings = replace(PRESETS["small"], limit=3, methods=("measured_gap",)).tuned(
        aslp={"beta": 0.5}
    )
    assert runs.Run.open(runs.Run.create(tmp_path / "r", settings).path).settings == settings


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is no run: it has no settings\.json"):
        runs.Run.open(tmp_path)
    (tmp_path / "settings.json").write_text('{"methods": ["bce"], "colour": "red"}')
    with pytest.raises(ValueError, match="unknown settings: colour"):
        runs.Run.open(tmp_path)
    (tmp_path / "settings.json").write_text('{"methods": ["bc')
    with pytest.raises(ValueError, match="cannot be used"):
        runs.Run.open(tmp_path)


def test_tensors_and_facts_survive(tmp_path):
    tensors = {"a": torch.rand(2, 3), "n": torch.tensor(7)}
    runs.save_tensors(tmp_path / "t.safetensors", tensors, {"log": [{"epoch": 1, "ece": 0.1}]})
    loaded, facts = runs.load_tensors(tmp_path / "t.safetensors")
    assert all(torch.equal(tensors[k], loaded[k]) for k in tensors)
    assert facts == {"log": [{"epoch": 1, "ece": 0.1}]}


def test_damaged_tensors_are_named(tmp_path):
    path = tmp_path / "t.safetensors"
    runs.save_tensors(path, {"a": torch.rand(100)}, {})
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"t\.safetensors is damaged"):
        runs.load_tensors(path)
    with pytest.raises(FileNotFoundError, match="no file"):
        runs.load_tensors(tmp_path / "none")


def test_weights_of_another_network(tmp_path):
    path = tmp_path / "w.safetensors"
    runs.save_tensors(path, networks.build("tiny").state_dict(), {"network": "tiny"})
    with pytest.raises(ValueError, match=r"another network \(tiny\): .* as "):
        runs.load_weights(networks.build("mobilenet_v2"), path)
    with pytest.raises(ValueError, match="of another shape"):
        runs.load_weights(networks.TinyUNet(width=8), path)
    assert runs.load_weights(networks.build("tiny"), path) == {"network": "tiny"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"limit": 0}, "limit is 0"),
        ({"methods": ()}, "methods is"),
        ({"methods": ("magic",)}, "methods is 'magic'"),
    ],
)
def test_bad_settings_stop_a_run_before_it_trains(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(Settings(), **changes)


@pytest.mark.parametrize(
    ("method", "family", "changes", "message"),
    [
        ("calibration", "aslp", {"technique": "XX"}, "technique is 'XX'"),
        ("calibration", "aslp", {"beta": 3.0}, r"beta is 3.0"),
        ("calibration", "aslp", {"beta": 2.0, "technique": "DM"}, "noise is 0.25"),
        ("calibration", "aslp", {"constraint_weight": -1.0}, "constraint_weight is -1.0"),
        ("calibration", "aslp", {"alpha_warm_up": -1}, "alpha_warm_up is -1"),
        ("calibration", "aslp", {"technique": "release"}, "needs dynamics='release'"),
        ("measured_gap", "aslp", {"dynamics": "release"}, "no rule 'measured_gap'"),
        ("label_smoothing", "label_smoothing", {"epsilon": 1.5}, "epsilon is 1.5"),
        ("focal", "focal", {"gamma": float("nan")}, "gamma is nan"),
    ],
)
def test_bad_hyperparameters_stop_a_run_before_it_trains(method, family, changes, message):
    with pytest.raises(ValueError, match=message):
        Settings(methods=(method,)).tuned(**{family: changes})


def test_the_preset_follows_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert default_preset() == "demo"
    (tmp_path / "Dataset/Train/DUTS-TR/Image").mkdir(parents=True)
    assert default_preset() == "small"


def test_settings_are_plain_json():
    values = json.loads(Settings().to_json())
    assert values["hyperparameters"]["aslp"]["technique"] == "M"
    assert values["methods"] == ["bce", "calibration"]
