"""`run` and `train`, and `predict` and `evaluate` on what they made."""

import csv
import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from aslp_lib.cli import main, parse
from aslp_lib.config import PRESETS
from aslp_lib.console import command_line
from aslp_lib.metrics import SCORES
from aslp_lib.tensors import load_tensors

QUICK = "--epochs 2 --size 32 --aslp.alpha-warm-up 1 --device cpu"
TINY = f"{QUICK} --network tiny --weights None"
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no temperature")  # of a network that has learned nothing
@pytest.mark.usefixtures("few_resamples")
def test_one_command_does_everything_on_the_synthetic_set(elsewhere, aslp, written):
    assert "no DUTS-TR in Dataset/" in aslp(f"{QUICK} --limit 3")
    run = elsewhere / "runs" / "demo"
    metrics = written(run / "metrics.json")
    assert metrics.keys() == {"test", "shifted", "textures"}
    assert metrics["textures"]["bce"]["max_f"] is None
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    methods = ["bce", "bce+temperature_scaling", "aslp_mc", "aslp_mc+unperturb"]
    assert [row["method"] for row in rows] == 3 * methods
    assert len(list((run / "aslp_mc" / "maps" / "test").iterdir())) == 3
    page = (run / "report.html").read_text()
    assert page.count("<img") == page.count('alt="') == 45
    assert "http" not in page  # self-contained
    plain = re.sub("</?b>", "", page)
    scored = [row for methods in metrics.values() for row in methods.values()]
    for row, line in zip(scored, rows, strict=True):
        defined = [name for name in SCORES if row.get(name) is not None]
        values = [float(line[name]) for name in defined]
        assert values == pytest.approx([row[name] for name in defined], rel=1e-5)
        assert f"<td>{SCORES['ece'].text(row['ece'])}</td>" in plain


@pytest.mark.slow
def test_methods_train_side_by_side_as_one_after_the_other(elsewhere, capfd, monkeypatch):
    """Up to rounding, because each process has a part of the threads. Augmentation depends on the
    epoch, which processes must not share."""
    words = f"train {QUICK} --data shapes --limit 6 --methods bce aslp_gap --augment --out".split()
    for processors in (1, 2):
        monkeypatch.setattr(os, "cpu_count", lambda processors=processors: processors)
        assert main([*words, str(processors)]) == 0
        printed = capfd.readouterr()
        assert "note: ASLP (measured gap): the alphas " in printed.out
        assert "BCE: 100%" in printed.err and "ASLP (measured gap): 100%" in printed.err
    for method in ("bce", "aslp_gap"):
        one, two = (load_tensors(elsewhere / n / method / "weights.safetensors")[0] for n in "12")
        torch.testing.assert_close(two, one, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no temperature")  # of a network that has learned nothing
@pytest.mark.usefixtures("quick_reports")
def test_one_command_does_everything_on_the_paper_s_layout(elsewhere, paper_root, aslp):
    paper_root.rename("Dataset")
    printed = aslp(f"{TINY} --methods bce aslp_gap --aslp.alpha-warm-up 2")
    begin = "preset small: network tiny, input 32 x 32 pixels\ndata: Train/DUTS-TR in Data"
    assert begin in printed
    assert "note: not in Dataset/Test, so left out: DUTS-TE" in printed
    run = Path("runs/small")
    assert len((run / "validation.txt").read_text().splitlines()) == 1
    assert (run / "aslp_gap" / "maps" / "SOD").is_dir()
    note = "ote: ASLP (measured gap): the alphas stayed 0, and the loss was plain BCE, because"
    for text in (printed, (run / "report.html").read_text()):
        assert text.count(note) == text.count("the alphas ") == 1
    aslp("evaluate runs/small")


@pytest.mark.usefixtures("quick_reports")
def test_own_folders_train_without_a_test_set_and_resume_with_their_split(own_root, aslp):
    """`run` says at once that it needs one, and a run goes on with the split of its lists."""
    shutil.rmtree(own_root / "Test")
    out, of_lists = own_root.parent / "run", own_root.parent / "run-of-lists"
    flags = f"--data {own_root} {TINY} --methods bce --out"
    assert "no test set in" in aslp(f"{flags} {out}", status=1) and not out.exists()
    printed = aslp(f"train {flags} {out} --validation-share 0.25")
    assert "preset small: network tiny, input 32 x 32 pixels\n" in printed
    assert "9 images to train, 3 to validate; tests: none" in printed
    assert printed.endswith(f"next: {command_line('predict', out)} --images DIR --out DIR\n")
    files = [out / name for name in ("train.txt", "validation.txt", "bce/weights.safetensors")]
    before = [file.read_bytes() for file in files]
    printed = aslp(f"train --resume {out}")
    assert "its settings: network tiny, input 32 x 32 pixels\n" in printed
    assert [file.read_bytes() for file in files] == before
    for line in ("--resume", "evaluate", "predict"):
        assert "train needs none, and neither" in aslp(f"{line} {out}", status=1)
    shutil.copy(files[0], own_root / "Train.txt")
    shutil.copy(files[1], own_root / "Validation.txt")
    aslp(f"train {flags} {of_lists}")
    assert (out / "bce/log.csv").read_text() == (of_lists / "bce/log.csv").read_text()


@pytest.mark.usefixtures("quick_reports")
def test_the_steps_one_by_one_equal_the_whole(elsewhere, aslp, written):
    flags = f"{QUICK} --limit 3 --methods aslp_mc --recalibrate auto --out"
    aslp(f"run {flags} whole")
    aslp(f"train {flags} steps")
    assert "(the command predict makes them)" in aslp("evaluate steps", status=1)
    aslp("predict steps")
    aslp("evaluate steps")
    assert written("whole/metrics.json") == written("steps/metrics.json")
    files = "--table t.md --scores ece_sweep --intervals --figures f"
    aslp(f"evaluate steps --no-weighted-f {files}")
    row = written("steps/metrics.json")["test"]["aslp_mc"]
    assert row["weighted_f"] is None
    value, low, high = (f"{100 * row[f'ece_sweep{end}']:.2f}" for end in ("", "_low", "_high"))
    assert f"| test | ASLP (MC) | {value} [{low}, {high}] |" in Path("t.md").read_text()
    figures = {path.name for path in Path("f").iterdir()}
    assert {"test-examples.pdf", "Training-history.pdf"} < figures


def damaged(root, monkeypatch):
    image = sorted((root / "Test/SOD/Image").iterdir())[3]
    Image.new("L", (50, 50)).save(image)
    return f"{image.name} is 50 x 50, but its mask is 40 x 32"


def offline(root, monkeypatch):
    """No hidden fall-back to random weights."""
    monkeypatch.setenv("TORCH_HOME", str(root / "torch"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    return "train from random weights with --weights None"


@pytest.mark.fault
@pytest.mark.parametrize("spoil", [damaged, offline])
def test_what_is_missing_or_bad_stops_a_run_before_it_trains(
    elsewhere, paper_root, aslp, monkeypatch, spoil
):
    message = spoil(paper_root, monkeypatch)
    assert message in aslp(f"{QUICK} --preset small --data {paper_root}", status=1)
    assert not (elsewhere / "runs").exists()


@pytest.mark.fault
@pytest.mark.usefixtures("quick_reports")
def test_a_run_does_not_go_on_with_other_images_or_settings(elsewhere, paper_root, aslp):
    paper_root.rename("Dataset")
    aslp(f"train {TINY} --methods bce")
    error = aslp("--resume runs/small --epochs 9", status=1)
    assert "Leave the other flags out" in error
    aslp("--resume runs/small")
    sorted(Path("Dataset/Train/DUTS-TR/Image").iterdir())[0].rename("elsewhere.jpg")
    error = aslp("--resume runs/small", status=1)
    assert re.search("images or masks .* since runs/small began: 1, such as DUTS-TR", error)


@pytest.mark.fault
def test_a_stopped_run_says_how_it_goes_on(elsewhere, aslp, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("aslp_lib.cli.run.train", stop)
    error = aslp(f"{QUICK} --methods bce --out here", status=130)
    assert error == "\nstopped; continue with --resume here\n"


def test_the_preset_release_is_paper_with_the_flags_that_its_page_names():
    text = " ".join((ROOT / "docs" / "paper.md").read_text().split())
    flags = re.search(r"`release` is `paper` with `([^`]+)`", text)[1].split()
    assert parse(["train", "--preset", "paper", *flags]).settings == PRESETS["release"]


@pytest.mark.parametrize("command", ["run", "train", "compare"])
def test_the_preset_or_that_of_the_data_brings_the_defaults_of_the_flags(elsewhere, command):
    def chosen(words=""):
        parsed = parse([command, *words.split()])
        settings = parsed.settings
        return parsed.preset, settings.data, settings.size, settings.learning_rate

    paper = PRESETS["paper"].learning_rate
    assert chosen("--preset paper") == ("paper", "Dataset", 384, paper)
    assert chosen("--seed 1 --preset=paper --size 64") == ("paper", "Dataset", 64, paper)
    assert chosen() == chosen("--data shapes") == ("demo", "shapes", 48, 2e-3)
    assert chosen("--preset nuclei") == chosen("--data=nuclei") == ("nuclei", "nuclei", 64, 2e-3)
    assert chosen("--data nuclei --preset demo") == ("demo", "nuclei", 48, 2e-3)
    assert chosen("--data photographs --methods bce ema") == ("small", "photographs", 128, 1e-3)
    (elsewhere / "Dataset" / "Train" / "mine" / "Image").mkdir(parents=True)
    assert chosen() == chosen("--data Dataset") == ("small", "Dataset", 128, 1e-3)
    assert chosen("--data shapes") == ("demo", "shapes", 48, 2e-3)
