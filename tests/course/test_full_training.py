"""The cell that trains the paper's configuration: what it decides, and that both ways run."""

import subprocess

import pytest
import torch

from aslp_lib.config import PRESETS
from aslp_lib.course.lessons.training import full
from aslp_lib.course.lessons.training.full import command, full_training, missing

TINY = {"network": "tiny", "size": 32}


@pytest.fixture
def everything(monkeypatch, tmp_path):
    """A machine with all that the whole run needs; the command is recorded and does nothing."""
    monkeypatch.setenv("ASLP_FULL", "1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    images = tmp_path / "Dataset" / "Train" / "DUTS-TR" / "Image"
    images.mkdir(parents=True)
    (images / "one.jpg").touch()
    return tmp_path


def test_only_all_three_needs_together_start_the_whole_run(everything, monkeypatch):
    data = everything / "Dataset"
    assert missing(data) == []
    assert missing(everything) == [f"DUTS-TR in {everything}"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert missing(data) == ["a CUDA GPU"]
    for value in ("0", "", "yes"):
        monkeypatch.setenv("ASLP_FULL", value)
        assert missing(data) == ["ASLP_FULL=1 in the environment", "a CUDA GPU"]


def test_the_whole_run_is_the_preset_alone(everything, monkeypatch):
    commands = []
    monkeypatch.setattr(full, "_run", lambda words, quiet: commands.append((words, quiet)))
    with pytest.raises(FileNotFoundError):  # nothing was trained
        full_training(everything / "Dataset", everything / "full")
    words = f"python -m aslp_lib train --preset paper --data {everything}/Dataset"
    assert commands == [([*words.split(), "--out", f"{everything}/full"], False)]


def test_several_cards_get_a_process_each_and_a_run_goes_on(tmp_path):
    words = command({"preset": "paper"}, tmp_path, gpus=4)
    launcher = "torch.distributed.run --standalone --nproc-per-node 4"
    assert " ".join(words) == f"python -m {launcher} -m aslp_lib train --resume {tmp_path}"


@pytest.mark.slow
def test_a_rehearsal_trains_two_steps_and_leaves_nothing(tmp_path, capsys):
    """The settings are those of the lesson, except for a network that takes no time."""
    logs = full_training(tmp_path, tmp_path / "full", **TINY)
    printed, (row,) = capsys.readouterr().out, logs["ASLP (MC)"]
    for part in (
        *("A rehearsal, because this is missing: ASLP_FULL=1", f"DUTS-TR in {tmp_path}"),
        "--preset paper --data shapes --weights None",
        f"ASLP (MC), epoch 1: loss {row['loss']:.2f}, accuracy",
    ):
        assert part in printed
    assert row["alpha_mean"] >= 0 and row["learning_rate"] == PRESETS["paper"].learning_rate
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_whole_run_goes_on_where_it_stopped(everything, monkeypatch, capfd):
    """A run of the command with small settings stands for the whole run. The file of its second
    epoch is lost, as after a kill."""
    monkeypatch.setattr(full, "missing", lambda data: [])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    small = {**TINY, "weights": None, "limit": 4, "epochs": 2, "batch_size": 2, "device": "cpu"}
    first = full_training("shapes", everything / "full", **small)
    assert list(first) == ["BCE", "ASLP (MC)"] and len(first["BCE"]) == 2
    (everything / "full" / "aslp_mc" / "log.csv").unlink()
    again = full_training("shapes", everything / "full", **small)
    assert again == first
    assert f"going on with {everything / 'full'} and its settings" in capfd.readouterr().out


@pytest.mark.fault
def test_a_command_that_fails_is_quoted(monkeypatch, tmp_path):
    failed = subprocess.CompletedProcess([], 1, "begun\n", "no space left")
    monkeypatch.setattr(subprocess, "run", lambda words, **options: failed)
    with pytest.raises(RuntimeError, match=r"exit status 1; expected 0.*no space left"):
        full_training(tmp_path, tmp_path / "full")
