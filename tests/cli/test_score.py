"""Scoring anyone's maps from the command line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aslp_lib.cli import main
from aslp_lib.evaluation.maps import STRETCHED, WEIGHTED_F
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.counts import Counts

REQUIRED = {
    *("ece", "ece_equal_mass", "ece_sweep", "ece_debiased", "oe", "mce", "gap", "brier", "nll"),
    *(
        "accuracy",
        "confidence",
        "mae",
        "max_f",
        "max_f_mean_pr",
        "mean_f",
        "max_e",
        "mean_e",
        "s_measure",
    ),
    *("weighted_f", "ap", "auc"),
}


def write_set(methods, masks, images=4, seed=0):
    """Random maps of each method and their masks; returns the counts by method."""
    rng = np.random.default_rng(seed)
    tables = {method: [] for method in methods}
    Path(masks).mkdir(parents=True)
    for method in methods:
        Path(method).mkdir(parents=True)
    for i in range(images):
        mask = np.zeros((9, 12), np.uint8)
        mask[2:7, i % 7 : i % 7 + 5] = 1
        Image.fromarray(255 * mask).save(f"{masks}/m{i}.png")
        for method in methods:
            level_map = rng.integers(0, 256, (9, 12), dtype=np.uint8)
            Image.fromarray(level_map).save(f"{method}/m{i}.png")
            tables[method].append(Counts.from_map(level_map, mask))
    return {method: Counts.join(parts) for method, parts in tables.items()}


def test_anyone_s_maps_are_scored(elsewhere, capsys):
    oracle = scores(write_set(["maps"], "SOD/GT")["maps"])
    arguments = ["score", "--maps", "maps", "--masks", "SOD/GT", "--out", "scores.json"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("SOD             maps ")
    row = json.loads(Path("scores.json").read_text())
    assert row["images"] == 4
    assert row.keys() >= REQUIRED
    assert row["intervals"].keys() == oracle.keys()
    for name, value in oracle.items():
        if name != "weighted_f":
            assert row[name] == pytest.approx(value)
            low, high = row["intervals"][name]
            assert low <= high
    if WEIGHTED_F:
        low, high = row["intervals"]["weighted_f"]
        assert 0 < low <= row["weighted_f"] <= high < 1


@pytest.mark.fault(
    "intervals over fewer than 100 images",
    "said to be too narrow, in the terminal, JSON and report",
)
@pytest.mark.parametrize(("images", "few"), [(99, True), (100, False)])
def test_intervals_over_few_images_are_said_to_be_too_narrow(elsewhere, capsys, images, few):
    write_set(["maps"], "SOD/GT", images)
    arguments = ["score", "--maps", "maps", "--masks", "SOD/GT", "--no-weighted-f"]
    assert main(arguments) == 0
    assert "too narrow" not in capsys.readouterr().out  # no interval is shown
    assert main([*arguments, "--out", "scores.json"]) == 0
    said = f"SOD: 95 % intervals over {images} images are too narrow"
    assert (said in capsys.readouterr().out) == few
    (notes,) = [json.loads(Path("scores.json").read_text())["notes"]]
    assert [note.startswith(said) for note in notes] == [True] * few


@pytest.mark.slow
def test_without_its_extra_weighted_f_is_null_and_said_once(elsewhere, capsys, monkeypatch):
    monkeypatch.setattr("aslp_lib.cli.score.WEIGHTED_F", False)
    write_set(["a", "b"], "SOD/GT")
    arguments = ["score", "--maps", "a", "b", "--masks", "SOD/GT", "--out", "scores.json"]
    assert main(arguments) == 0
    assert capsys.readouterr().out.count("weighted F was not measured") == 1
    row = json.loads(Path("scores.json").read_text())["SOD"]["a"]
    assert row["weighted_f"] is None
    assert row["intervals"]["weighted_f"] is None


@pytest.mark.slow
def test_weighted_f_can_be_left_out(elsewhere, capsys, monkeypatch):
    """It is ten times as slow as the rest; who leaves it out needs no note that it is missing."""
    monkeypatch.setattr("aslp_lib.evaluation.maps.weighted_f", None)  # a call would fail
    write_set(["a"], "SOD/GT")
    arguments = ["score", "--maps", "a", "--masks", "SOD/GT", "--out", "scores.json"]
    assert main([*arguments, "--no-weighted-f"]) == 0
    assert "weighted F" not in capsys.readouterr().out
    assert json.loads(Path("scores.json").read_text())["weighted_f"] is None


def test_maps_and_masks_that_do_not_match(elsewhere, capsys):
    write_set(["maps", "other"], "SOD/GT")
    arguments = ["score", "--maps", "maps", "other", "--masks", "SOD/GT", "--report", "r.html"]
    Path("maps/m2.png").unlink()
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert "1 masks in SOD/GT without a map in maps (--allow-missing" in error
    assert "m2" in error
    assert main([*arguments, "--allow-missing"]) == 0
    printed = capsys.readouterr().out
    assert "SOD: 1 masks have no map of maps and are left out" in printed
    assert "different images, so none is paired" in printed
    assert "What changes" not in Path("r.html").read_text()
    Path("SOD/GT/m0.png").unlink()
    assert main([*arguments, "--allow-missing"]) == 1
    assert "1 maps in maps without a mask in SOD/GT: m0" in capsys.readouterr().err


@pytest.mark.slow
def test_several_methods_and_sets_make_one_comparison(elsewhere, capsys):
    for seed, name in enumerate(("SOD", "ECSSD")):
        write_set([f"runs/one/{name}", f"runs/two/{name}"], f"data/{name}/GT", seed=seed)
    arguments = ["score", "--maps", "BCE=runs/one", "ASLP & co=runs/two", "--masks",
                 "data/SOD/GT", "data/ECSSD/GT", "--out", "all.json", "--report", "all.html",
                 "--table", "all.csv", "all.md", "all.tex", "--bins", "5"]  # fmt: skip
    assert main(arguments) == 0
    rows = json.loads(Path("all.json").read_text())
    assert {name: list(methods) for name, methods in rows.items()} == {
        "SOD": ["BCE", "ASLP & co"], "ECSSD": ["BCE", "ASLP & co"],
    }  # fmt: skip
    with Path("all.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 4
    assert float(lines[0]["ece"]) == pytest.approx(rows["SOD"]["BCE"]["ece"], rel=1e-5)
    markdown = Path("all.md").read_text()
    assert f"{100 * rows['ECSSD']['BCE']['ece']:.2f}" in markdown
    assert "**" in markdown
    latex = Path("all.tex").read_text()
    assert r"ASLP \& co" in latex
    assert r"\textbf{" in latex
    page = Path("all.html").read_text()
    assert page.count("<img") == page.count('alt="') == 10
    assert "ASLP &amp; co − BCE" in page
    assert "(5 equal bins" in page


@pytest.mark.slow
def test_bins_and_stretching_reach_the_scores(elsewhere, capsys):
    counts = write_set(["maps"], "SOD/GT")["maps"]
    arguments = ["score", "--maps", "maps", "--masks", "SOD/GT", "--out", "scores.json"]
    assert main([*arguments, "--bins", "3"]) == 0
    row = json.loads(Path("scores.json").read_text())
    assert row["ece"] == pytest.approx(calibration.ece(counts, 3))
    assert row["mce"] == pytest.approx(calibration.mce(counts, 3))
    for path in Path("maps").iterdir():
        Image.fromarray(np.asarray(Image.open(path)) // 2 + 50).save(path)
    assert main(arguments) == 0
    narrow = json.loads(Path("scores.json").read_text())["confidence"]
    capsys.readouterr()
    assert main([*arguments, "--min-max"]) == 0
    assert "stretched to the full range" in capsys.readouterr().out
    row = json.loads(Path("scores.json").read_text())
    assert row["confidence"] > narrow + 0.05
    assert STRETCHED in row["notes"]  # no such number goes unmarked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--maps", "a/maps", "b/maps", "--masks", "SOD/GT"], "two methods are called maps"),
        (["--maps", "a/maps", "--masks", "SOD/GT", "X/SOD"], "are both called SOD"),
        (["--maps", "a/maps", "--masks", "SOD/GT", "X"], "each method's folder needs"),
        (["--maps", "empty", "--masks", "SOD/GT"], "no maps in empty"),
        (["--maps", "a/maps", "--masks", "SOD/GT", "--table", "t.xls"], "not t.xls"),
        (["--maps", "a/maps", "--masks", "SOD/GT", "--bins", "0"], "bins is 0"),
        pytest.param(
            ["--maps", "a/maps", "--masks", "SOD/GT", "--bins", "200000000"],
            "bins is 200000000, but must be 1 to 256: there are 256 grey levels",
            marks=pytest.mark.fault("--bins 200000000", "refused before any map is read"),
        ),
        (["--maps", "a/maps", "--masks", "nowhere"], "no folder nowhere"),
        (["--maps", "--masks", "SOD/GT"], "needs folders of maps and of masks"),
    ],
)
def test_a_comparison_that_cannot_be_made(elsewhere, capsys, arguments, message):
    write_set(["a/maps", "b/maps"], "SOD/GT")
    for folder in ("X/SOD", "empty"):
        Path(folder).mkdir(parents=True)
    assert main(["score", *arguments]) == 1
    assert message in capsys.readouterr().err
