import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aslp_lib.cli import main

QUICK = ["--epochs", "2", "--size", "32", "--alpha-warm-up", "1", "--device", "cpu"]
ROOT = Path(__file__).parents[2]


def test_one_command_does_everything_on_the_embedded_set(elsewhere, capsys):
    assert main([*QUICK, "--limit", "12"]) == 0
    run = elsewhere / "runs" / "demo"
    printed = capsys.readouterr().out
    assert "the embedded set" in printed
    assert "no DUTS-TR in Dataset/" in printed
    assert "report: " in printed
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics.keys() == {"test", "shifted", "textures"}
    assert metrics["textures"]["bce"]["max_f"] is None
    row = metrics["test"]["bce"]
    low, high = row["intervals"]["ece"]
    assert low <= row["ece"] <= high
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert float(rows[0]["ece"]) == pytest.approx(metrics["test"]["bce"]["ece"], rel=1e-5)
    assert len(list((run / "calibration" / "maps" / "test").iterdir())) == 12
    page = (run / "report.html").read_text()
    assert page.count("<img") == page.count('alt="') == 18
    assert "ASLP (MC) − BCE" in page
    assert "http" not in page  # self-contained


@pytest.mark.slow
def test_one_command_does_everything_on_the_paper_s_layout(elsewhere, paper_root, capsys):
    paper_root.rename(elsewhere / "Dataset")
    small = ["--network", "tiny", "--weights", "None", "--methods", "bce", "measured_gap"]
    assert main([*QUICK, *small]) == 0
    printed = capsys.readouterr().out
    assert "preset small; data: the paper's layout in Dataset" in printed
    assert "note: not in Dataset/Test, so left out: DUTS-TE" in printed
    run = elsewhere / "runs" / "small"
    assert len((run / "validation.txt").read_text().splitlines()) == 1
    assert (run / "measured_gap" / "maps" / "SOD").is_dir()
    assert main(["evaluate", str(run)]) == 0


@pytest.mark.slow
def test_the_steps_one_by_one_equal_the_whole(elsewhere):
    arguments = [*QUICK, "--limit", "8"]
    assert main(["run", *arguments, "--out", "whole"]) == 0
    assert main(["train", *arguments, "--out", "steps"]) == 0
    assert not (elsewhere / "steps" / "metrics.json").exists()
    assert main(["test", "steps"]) == 0
    assert main(["evaluate", "steps"]) == 0
    whole, steps = ((elsewhere / d / "metrics.json").read_text() for d in ("whole", "steps"))
    assert whole == steps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "huge"], "no preset 'huge': choose of demo, small, paper, release"),
        (["--data", "nowhere"], "no folder nowhere"),
        (["--resume", "nowhere"], "nowhere is no run"),
        (["evaluate", "nowhere"], "nowhere is no run"),
        (["evaluate"], "needs a run's folder alone, or --maps and --masks"),
        (["evaluate", "--maps", "x"], "needs a run's folder alone, or --maps and --masks"),
        (["evaluate", "--maps", "x", "--masks", "y"], "no folder x"),
        (["textures", "--dtd", "nowhere"], "download DTD"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(elsewhere, capsys, arguments, message):
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (elsewhere / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "epochs is 0"),
        (["--technique", "XX"], "technique is 'XX'"),
        (["--epochs", "many"], "--epochs"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_a_bad_setting_is_explained_and_nothing_is_made(elsewhere, capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (elsewhere / "runs").exists()


def test_an_unknown_command_shows_the_usage(elsewhere, capsys):
    assert main(["destroy"]) == 2
    assert "there is no command 'destroy'" in capsys.readouterr().err


def test_weights_that_cannot_be_had_stop_the_run_before_it_trains(elsewhere, paper_root, capsys):
    """No hidden fall-back to random weights."""
    paper_root.rename(elsewhere / "Dataset")

    def refuse(*_, **__):
        raise OSError("unreachable")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(elsewhere / "torch"))
        patch.setattr("torch.hub.download_url_to_file", refuse)
        assert main([*QUICK, "--preset", "small"]) == 1
    assert "train from random weights with --weights None" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("script", ["main_ASLP.py", "Dataset/Process_Texture_Dataset.py"])
def test_the_scripts_start_from_any_folder(elsewhere, script):
    result = subprocess.run(
        [sys.executable, ROOT / script, "--help"], capture_output=True, text=True, cwd=elsewhere
    )
    assert result.returncode == 0, result.stderr
    assert "usage" in result.stdout


def test_textures_from_the_command_line(elsewhere, capsys):
    folder = elsewhere / "dtd" / "images" / "banded"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((5, 6, 3), np.uint8)).save(folder / "banded_0001.jpg")
    Path("names.txt").write_text("banded_0001.jpg\n")
    arguments = ["--dtd", "dtd", "--names", "names.txt", "--target", "Test/T"]
    assert main(["textures", *arguments]) == 0
    assert "1 textures in Test/T" in capsys.readouterr().out


@pytest.mark.slow
def test_real_images_train_and_evaluate(elsewhere, real_data):
    arguments = [*QUICK, "--preset", "small", "--data", str(real_data), "--limit", "6"]
    assert main([*arguments, "--network", "tiny", "--weights", "None"]) == 0
    metrics = json.loads(Path("runs/small/metrics.json").read_text())
    assert {"SOD", "DTD_Texture_500"} <= metrics.keys()


@pytest.mark.slow
def test_a_run_does_not_go_on_with_other_images_or_settings(elsewhere, paper_root, capsys):
    paper_root.rename(elsewhere / "Dataset")
    small = ["--network", "tiny", "--weights", "None", "--methods", "bce"]
    assert main(["train", *QUICK, *small]) == 0
    image = sorted(Path("Dataset/Train/DUTS-TR/Image").iterdir())[0]
    image.rename(f"{image.stem}.bak")
    assert main(["--resume", "runs/small"]) == 1
    assert "came or went since runs/small began, as DUTS-TR" in capsys.readouterr().err
    Path(f"{image.stem}.bak").rename(image)
    assert main(["--resume", "runs/small", "--epochs", "9"]) == 1
    assert "leave the others out" in capsys.readouterr().err
    assert main(["--resume", "runs/small"]) == 0


@pytest.mark.slow
def test_maps_of_a_set_that_grew_are_made_anew(elsewhere, capsys):
    assert main(["train", *QUICK, "--limit", "4", "--methods", "bce"]) == 0
    assert main(["evaluate", "runs/demo"]) == 1
    assert "(the command test makes them)" in capsys.readouterr().err
    assert main(["test", "runs/demo"]) == 0
    next(Path("runs/demo/bce/maps/test").iterdir()).unlink()
    assert main(["test", "runs/demo"]) == 0
    assert main(["evaluate", "runs/demo"]) == 0
