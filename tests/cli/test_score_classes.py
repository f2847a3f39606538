"""Scoring, recalibrating and comparing maps of K classes from the command line."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image

from aslp_lib.cli import main
from aslp_lib.config import PRESETS
from aslp_lib.metrics import CLASS_SCORES, SCORES, scores
from aslp_lib.metrics.classes import ClassCounts

pytestmark = pytest.mark.usefixtures("few_resamples")

NAMES = ["background", "interior", "boundary"]
CLASSES = ["--classes", *NAMES]
P = np.array([0.8, 0.1, 0.1])
IDS = np.uint8([[0, 0, 0, 0, 0], [0, 1, 1, 1, 2]])
ONE = ["score", "--maps", "maps", "--masks", "cells=GT"]


def write_set(*folders, images=5, p=P, ids=IDS):
    """Maps with the same probabilities at every pixel, of one class; 10 pixels of 6, 3 and 1."""
    for folder in (*folders, "GT"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for number in range(images):
        for folder in folders:
            values = np.ones(ids.shape) * np.reshape(p, (3, 1, 1))
            np.save(f"{folder}/m{number}.npy", values.astype(np.float32))
        Image.fromarray(ids).save(f"GT/m{number}.png")


def written(file="s.json"):
    return json.loads(Path(file).read_text(encoding="utf-8"))


def test_scores_of_three_classes_by_hand(elsewhere, capsys):
    """Class 0 is predicted everywhere with the confidence 0.8, and right in six of ten pixels."""
    write_set("maps")
    assert main([*ONE, *CLASSES, "--out", "s.json"]) == 0
    record, rounding = written(), 1 / 4335
    expected = {
        "ece": 0.2,
        "accuracy": 0.6,
        "gap": 0.2,
        "nll": -0.6 * np.log(0.8) - 0.4 * np.log(0.1),
        "class_ece": (0.2 + 0.2 + 0) / 3,
        "mean_iou": (0.6 + 0 + 0) / 3,
    }
    for name, value in expected.items():
        assert record[name] == pytest.approx(value, abs=rounding), name
    assert record["intervals"].keys() == CLASS_SCORES.keys() - {"ece_floor", "class_ece_floor"}
    assert CLASS_SCORES.keys() <= record.keys() and record.keys().isdisjoint(
        SCORES.keys() - CLASS_SCORES.keys()
    )
    by_hand = {"share": [0.6, 0.3, 0.1], "gap": [0.2, -0.2, 0], "iou": [0.6, 0, 0]}
    for key, values in (by_hand | {"ece": np.abs(by_hand["gap"])}).items():
        found = [record["classes"][name][key] for name in NAMES]
        assert found == pytest.approx(values, abs=rounding), key
    printed = capsys.readouterr().out
    assert re.search(r"cells +maps +20\.00 +\S+ +20\.00 +1\.055 +60\.00 +13\.3\d\n", printed)
    assert re.search(r"interior +maps +30\.00 +-19\.99 +19\.99 +\S+ +0\.000\n", printed)


def write_random(folder, images=6, seed=0, size=(8, 9)):
    """Maps of logits that differ between folders, of the same masks; one pixel to ignore."""
    Path(folder).mkdir(parents=True)
    Path("GT").mkdir(exist_ok=True)
    parts = []
    for number in range(images):
        ids = np.random.default_rng(number).integers(0, 3, size).astype(np.uint8)
        ids[0, 0] = 255
        z = np.random.default_rng([seed, number]).normal(size=(3, *size)).astype(np.float32)
        z += 2 * (np.arange(3)[:, None, None] == ids)
        np.save(f"{folder}/m{number}.npy", z)
        np.save(f"GT/m{number}.npy", ids.astype(int))
        parts.append((z, ids))
    return parts


def counts_of(parts):
    tensors = ((torch.tensor(z)[None], torch.tensor(ids)[None]) for z, ids in parts)
    return ClassCounts.join([ClassCounts.from_logits(z, ids, 255) for z, ids in tensors])


OF_LOGITS = ["--masks", "cells=GT", "--logits", "--ignore-index", "255", *CLASSES]


@pytest.mark.usefixtures("quick_reports")
def test_methods_are_compared_in_all_files(elsewhere, capsys):
    oracle = {name: scores(counts_of(write_random(name, seed=ord(name)))) for name in "ab"}
    files = ["--table", "t.md", "t.csv", "t.tex", "--report", "r.html", "--out", "s.json"]
    page = (Path(__file__).parents[2] / "docs/score.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in CLASS_SCORES)
    assert main(["score", "--maps", "a", "b", *OF_LOGITS, *files, "--figures", "f"]) == 0
    assert "cells: 1.4 % of the pixels are ignored\n" in capsys.readouterr().out
    for row in csv.DictReader(Path("t.csv").read_text().splitlines()):
        for name, value in oracle[row["method"]].items():
            assert float(row[name]) == pytest.approx(value, rel=1e-5), name
            assert written()["cells"][row["method"]][name] == pytest.approx(value)
        assert float(row["class_ece_low"]) <= float(row["class_ece_high"])
    for file in ("t.md", "t.tex"):
        text = Path(file).read_text()
        assert "class-wise ECE" in text and "mean IoU" in text and "Dice" not in text
    page = BeautifulSoup(Path("r.html").read_text(), "html.parser")
    tables = {table.caption.text: table for table in page("table")}
    rows = [[cell.text for cell in row("td")][:2] for row in tables["Classes"]("tr")[1:]]
    assert rows == [[name, method] for name in NAMES for method in "ab"]
    assert "[" in tables["Classes"].text and "class-wise ECE (+" in page.find(class_="verdict").text
    assert "--logits --classes background interior boundary --maps a" in page.text
    figures = {path.stem for path in Path("f").iterdir()}
    kinds = ("reliability", "classes", "density", "images")
    assert figures == {f"cells-{k}-{m}" for k in kinds for m in "ab"} | {"cells-calibration-errors"}


def test_several_seeds_of_three_classes(elsewhere, capsys):
    values = {}
    for method in "ab":
        for seed in range(2):
            counts = counts_of(write_random(f"{method}/s{seed}", seed=ord(method) + 10 * seed))
            values[method, seed] = scores(counts)["class_ece"]
    maps = ["--maps", "A=a/s0,a/s1", "B=b/s0,b/s1"]
    assert main(["score", *maps, *OF_LOGITS, "--table", "t.csv"]) == 0
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    for method, row in zip("ab", rows, strict=True):
        mean = np.mean([values[method, seed] for seed in range(2)])
        assert float(row["class_ece"]) == pytest.approx(mean, rel=1e-5)
    assert "class-wise ECE %" in capsys.readouterr().out


def test_one_class_has_the_scores_of_two(elsewhere):
    parts = write_random("maps")
    assert main([*ONE[:3], *OF_LOGITS, "--class", "interior", "--out", "s.json"]) == 0
    assert written()["images"] == len(parts) and SCORES.keys() <= written().keys()


@pytest.mark.parametrize("kind", ["vector_scaling", "histogram", "isotonic"])
def test_a_recalibration_of_constant_maps_gives_the_frequencies(elsewhere, capsys, kind):
    write_set("maps", "test")
    fit = ["recalibrate", "--kind", kind, *CLASSES, "--fit-maps", "maps", "--fit-masks", "GT"]
    assert main([*fit, "--maps", "test", "--out", "new", "--save", "fit.safetensors"]) == 0
    assert "ECE 20.00 -> 0.0" in capsys.readouterr().out
    changed = np.load("new/m0.npy")
    assert changed.dtype == np.float32 and changed.shape == (3, *IDS.shape)
    expected = np.ones((3, *IDS.shape)) * np.reshape([0.6, 0.3, 0.1], (3, 1, 1))
    np.testing.assert_allclose(changed, expected, atol=1e-4)
    again = ["recalibrate", "--kind", kind, *CLASSES, "--fitted", "fit.safetensors"]
    assert main([*again, "--maps", "test", "--out", "again"]) == 0
    np.testing.assert_array_equal(np.load("again/m0.npy"), changed)


def test_a_known_dose_is_undone(elsewhere, capsys):
    write_set("maps")
    undo = ["recalibrate", "--kind", "unperturb", "--dose", "0.15", "--classes", "3"]
    assert main([*undo, "--maps", "maps", "--out", "new"]) == 0
    expected = (P - 0.05) / 0.85
    np.testing.assert_allclose(np.load("new/m0.npy")[:, 0, 0], expected, rtol=1e-5)


def save(values):
    np.save("maps/m0.npy", values)


MAPS = np.ones((3, *IDS.shape), np.float32) * np.reshape(P, (3, 1, 1)).astype(np.float32)


def as_image():
    Path("maps/m0.npy").unlink()
    Image.fromarray(IDS).save("maps/m0.png")


def with_nan():
    values = MAPS.copy()
    values[1, 1, 1] = np.nan
    save(values)


def mask(values):
    Path("GT/m0.png").unlink()
    np.save("GT/m0.npy", values)


def binary_masks():
    for path in Path("GT").iterdir():
        Image.fromarray(255 * (IDS > 0).astype(np.uint8)).save(path)


NOTHING = lambda: None  # noqa: E731 - a row of the table below


OF_IDS = "GT/m0.png has grey levels 0 to 2 .* with several classes, name them with --cl"
FIT = ["recalibrate", "--fit-maps", "maps", "--fit-masks", "GT"]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "words", "message"),
    [
        (NOTHING, [], OF_IDS),
        (binary_masks, [], r"m0.npy has shape \(3, 2, 5\); .* K classes, give --classes; "),
        (binary_masks, ["--volumes"], "volumes is True; expected False for images, such as GT/m0"),
        (NOTHING, ["--classes", "4"], r"\(3, 2, 5\); expected .*\(4, H, W\).*Correct --c"),
        (lambda: save(np.moveaxis(MAPS, 0, -1)), CLASSES, r"\(2, 5, 3\); expected \(K.*moveaxis"),
        (lambda: save(MAPS[0]), CLASSES, r"maps/m0.npy has shape \(2, 5\); expected .*\(3, H, W\)"),
        (as_image, CLASSES, "maps/m0.png is an image of one channel; expected an array .3, H, W."),
        (with_nan, CLASSES, "maps/m0.npy: the map spans .nan, nan.*Look for NaN in what the net"),
        (with_nan, [*CLASSES, "--class", "interior"], "maps/m0.npy: the map spans .nan, nan"),
        (lambda: save(1.5 * MAPS), CLASSES, "m0.npy: .* adds up to 1.5; .*of a sigmoid do not"),
        (lambda: save(np.log(MAPS)), CLASSES, "m0.npy: the map spans .-2.3.*Logits need --logits"),
        (NOTHING, [*CLASSES, "--logits"], "m0.npy: .* add up to 1, need no --logits"),
        (lambda: save(MAPS[:, :, :4]), CLASSES, "m0.npy is 4 x 2, but its mask is 5 x 2; expected"),
        (lambda: save(MAPS.astype(int)), CLASSES, "m0.npy holds int64; expected float16, float32"),
        (lambda: mask(IDS + 1), CLASSES, "GT/m0.npy holds the class 3; expected 0 to 2"),
        (lambda: mask(np.eye(3, dtype=int)[IDS]), CLASSES, r"\(2, 5, 3\).* save array.argmax"),
        (lambda: Path("GT/m1.png").unlink(), CLASSES, "maps in maps without a mask in GT: m1"),
        (NOTHING, [*CLASSES, "--class", "edge"], "--class is 'edge'; expected one of background"),
        (NOTHING, ["--class", "1"], "--class is '1'; expected one of those of --classes"),
        (NOTHING, ["--classes", "a", "a"], "classes is .*; expected 2 to 255 different names"),
        (NOTHING, [*CLASSES, "--min-max"], "min_max is True; expected False with .* classes"),
        (NOTHING, [*CLASSES, "--scores", "auc"], r"of several classes \(--class NAME .* is 'auc'"),
        (NOTHING, ["--scores", "class_ece"], "a name in scores is 'class_ece'; expected one of e"),
        (NOTHING, [*CLASSES, "--ignore-index", "7"], "ignore_index is 7; expected the grey level"),
        (NOTHING, [*FIT, *CLASSES, "--kind", "flip"], "--kind with --classes is 'flip'; expected"),
        (NOTHING, [*FIT, "--kind", "vector_scaling"], "--kind is 'vector_scaling'; expected one"),
        (NOTHING, [*FIT[:3], *FIT[2:], *CLASSES], "2 folders of maps; expected one, because"),
    ],
)
def test_bad_input_is_named_with_a_remedy(elsewhere, capsys, change, words, message):
    write_set("maps", images=2)
    change()
    assert main(words if words[:1] == FIT[:1] else [*ONE, *words]) == 1
    assert re.search(message, capsys.readouterr().err.replace("\n", " "))


@pytest.mark.slow
@pytest.mark.usefixtures("quick_reports")
def test_a_run_and_a_comparison_of_three_classes(elsewhere, capsys):
    settings = ["--preset", "nuclei3", "--epochs", "1", "--limit", "6", "--methods", "bce"]
    assert main(["run", *settings, "--recalibrate", "vector_scaling", "--out", "run"]) == 0
    rows = written("run/metrics.json")["test"]
    assert rows.keys() == {"bce", "bce+vector_scaling"}
    test = PRESETS["nuclei3"].load_data().tests["test"]
    Path("masks").mkdir()
    for path in Path("run/bce/maps/test").iterdir():
        np.save(f"masks/{path.stem}.npy", test.mask(list(test.stems).index(path.stem)))
    score = ["score", "--maps", "run/bce/maps/test", "--masks", "masks", *CLASSES]
    assert main([*score, "--out", "s.json"]) == 0
    for name in CLASS_SCORES.keys() - {"ece_floor", "class_ece_floor"}:  # of groups in the run
        assert written()[name] == rows["bce"][name]
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert "The predicted classes, from black to white: background" in page
    assert main(["compare", *settings, "--seeds", "2", "--out", "compared"]) == 0
    records = pd.DataFrame(written("compared/comparison.json")["records"])
    first = records[(records.seed == 0) & (records["set"] == "test")].iloc[0]
    assert first.class_ece == pytest.approx(written()["class_ece"], abs=1e-6)
    assert "class-wise ECE %" in capsys.readouterr().out
