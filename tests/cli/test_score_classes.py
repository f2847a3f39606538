"""Scoring, recalibrating and comparing maps of K classes from the command line."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image

from aslp_lib.config import PRESETS
from aslp_lib.experiments.records import read
from aslp_lib.metrics import CLASS_SCORES, SCORES, scores
from aslp_lib.metrics.classes import ClassCounts

pytestmark = pytest.mark.usefixtures("few_resamples")

NAMES = ["background", "interior", "boundary"]
CLASSES = f"--classes {' '.join(NAMES)}"
SCORE = "score --maps maps --masks cells=GT"
P = np.array([0.8, 0.1, 0.1])
IDS = np.uint8([[0, 0, 0, 0, 0], [0, 1, 1, 1, 2]])
MAP = np.ones((3, *IDS.shape), np.float32) * np.reshape(P, (3, 1, 1)).astype(np.float32)


def write_set(*folders, images=5):
    """Maps with the same probabilities at every pixel; the mask's 10 pixels are 6, 3 and 1."""
    for folder in (*folders, "GT"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for number in range(images):
        for folder in folders:
            np.save(f"{folder}/m{number}.npy", MAP)
        Image.fromarray(IDS).save(f"GT/m{number}.png")


def test_scores_of_three_classes_by_hand(elsewhere, aslp, written):
    """Class 0 is predicted everywhere with the confidence 0.8, and right in six of ten pixels."""
    write_set("maps")
    printed = aslp(f"{SCORE} {CLASSES} --out s.json")
    record, rounding = written("s.json")["cells"]["maps"], 1 / 4335
    expected = {
        "ece": 0.2,
        "accuracy": 0.6,
        "gap": 0.2,
        "nll": -0.6 * np.log(0.8) - 0.4 * np.log(0.1),
        "class_ece": (0.2 + 0.2 + 0) / 3,
        "mean_iou": (0.6 + 0 + 0) / 3,
    }
    assert {name: record[name] for name in expected} == pytest.approx(expected, abs=rounding)
    bounded = {name.removesuffix("_low") for name in record if name.endswith("_low")}
    assert bounded == CLASS_SCORES.keys() - {"ece_floor", "class_ece_floor"}
    assert CLASS_SCORES.keys() <= record.keys()
    assert record.keys().isdisjoint(SCORES.keys() - CLASS_SCORES.keys())
    by_hand = {"share": [0.6, 0.3, 0.1], "gap": [0.2, -0.2, 0], "iou": [0.6, 0, 0]}
    for key, values in (by_hand | {"ece": np.abs(by_hand["gap"])}).items():
        in_file = [record["classes"][name][key] for name in NAMES]
        assert in_file == pytest.approx(values, abs=rounding), key
    assert re.search(r"cells +maps +20\.00 +\S+ +20\.00 +1\.055 +60\.00 +13\.3\d\n", printed)
    assert re.search(r"interior +maps +30\.00 +-19\.99 +19\.99 +\S+ +0\.000\n", printed)


def write_random(folder, seed=0, images=6, size=(8, 9)):
    """Maps of logits that differ between folders, of the same masks, with one pixel to ignore;
    returns their counts."""
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
        tensors = torch.tensor(z)[None], torch.tensor(ids)[None]
        parts.append(ClassCounts.from_logits(*tensors, 255))
    return ClassCounts.join(parts)


OF_LOGITS = f"--masks cells=GT --logits --ignore-index 255 {CLASSES}"


@pytest.mark.usefixtures("quick_reports")
def test_methods_are_compared_in_all_files(elsewhere, aslp, written):
    oracle = {name: scores(write_random(name, seed=ord(name))) for name in "ab"}
    page = (Path(__file__).parents[2] / "docs/score.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in CLASS_SCORES)
    files = "--table t.md t.csv t.tex --report r.html --out s.json --figures f"
    printed = aslp(f"score --maps a b {OF_LOGITS} {files}")
    assert "cells: 1.4 % of the pixels are ignored\n" in printed
    for row in csv.DictReader(Path("t.csv").read_text().splitlines()):
        expected = oracle[row["method"]]
        in_csv = {name: float(row[name]) for name in expected}
        assert in_csv == pytest.approx(expected, rel=1e-5)
        in_json = written("s.json")["cells"][row["method"]]
        assert {name: in_json[name] for name in expected} == pytest.approx(expected)
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


def test_several_seeds_of_three_classes(elsewhere, aslp):
    folders = {"A": ["a/s0", "a/s1"], "B": ["b/s0", "b/s1"]}
    every = [folder for seeds in folders.values() for folder in seeds]
    values = {f: scores(write_random(f, seed))["class_ece"] for seed, f in enumerate(every)}
    printed = aslp(f"score --maps A=a/s0,a/s1 B=b/s0,b/s1 {OF_LOGITS} --table t.csv")
    for row in csv.DictReader(Path("t.csv").read_text().splitlines()):
        mean = np.mean([values[folder] for folder in folders.pop(row["method"])])
        assert float(row["class_ece"]) == pytest.approx(mean, rel=1e-5)
    assert not folders and "class-wise ECE %" in printed


def test_one_class_has_the_scores_of_two(elsewhere, aslp, written):
    images = len(write_random("maps"))
    aslp(f"score --maps maps {OF_LOGITS} --class interior --out s.json")
    record = written("s.json")["cells"]["maps"]
    assert record["images"] == images and SCORES.keys() <= record.keys()


@pytest.mark.parametrize("kind", ["vector_scaling", "histogram", "isotonic"])
def test_a_recalibration_of_constant_maps_gives_the_frequencies(elsewhere, aslp, kind):
    write_set("maps", "test")
    line = f"recalibrate --kind {kind} {CLASSES} --maps test"
    fit = "--fit-maps maps --fit-masks GT --save fit.safetensors"
    assert "ECE 20.00 -> 0.0" in aslp(f"{line} {fit} --out new")
    changed = np.load("new/m0.npy")
    assert changed.dtype == np.float32 and changed.shape == (3, *IDS.shape)
    frequencies = np.reshape([0.6, 0.3, 0.1], (3, 1, 1))
    np.testing.assert_allclose(changed, np.broadcast_to(frequencies, changed.shape), atol=1e-4)
    aslp(f"{line} --fitted fit.safetensors --out again")
    np.testing.assert_array_equal(np.load("again/m0.npy"), changed)


def test_a_known_dose_is_undone(elsewhere, aslp):
    write_set("maps")
    aslp("recalibrate --kind unperturb --dose 0.15 --classes 3 --maps maps --out new")
    expected = (P - 0.05) / 0.85
    np.testing.assert_allclose(np.load("new/m0.npy")[:, 0, 0], expected, rtol=1e-5)


def replace(file, array):
    """Put an array in the place of a file, whose format it may change, or nothing."""
    path = Path(file)
    for old in path.parent.glob(f"{path.stem}.*"):
        old.unlink()
    if path.suffix == ".png":
        Image.fromarray(array).save(path)
    elif array is not None:
        np.save(path, array)


NAN = {"maps/m0.npy": np.where(np.arange(5) == 1, np.float32(np.nan), MAP)}
BINARY = {f"GT/m{number}.png": 255 * np.minimum(IDS, 1) for number in range(2)}
FIT = "recalibrate --fit-masks GT --fit-maps maps"
THREE = f"{SCORE} {CLASSES}"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("files", "line", "message"),
    [
        ({}, SCORE, "GT/m0.png has grey levels 0 to 2 .* with several classes, name them with --c"),
        (BINARY, SCORE, r"m0.npy has shape \(3, 2, 5\); .* K classes, give --classes; "),
        (BINARY, f"{SCORE} --volumes", "volumes is True; expected False for images, such as GT/m0"),
        ({}, f"{SCORE} --classes 4", r"\(3, 2, 5\); expected .*\(4, H, W\).*Correct --c"),
        ({"maps/m0.npy": np.moveaxis(MAP, 0, -1)}, THREE, r"\(2, 5, 3\); expected \(K.*moveaxis"),
        ({"maps/m0.npy": MAP[0]}, THREE, r"maps/m0.npy has shape \(2, 5\); .*\(3, H, W\)"),
        ({"maps/m0.png": IDS}, THREE, "maps/m0.png is an image of one channel; .* array .3, H, W."),
        (NAN, THREE, "maps/m0.npy: the map spans .nan, nan.*Look for the cause in what the net"),
        (NAN, f"{THREE} --class interior", "maps/m0.npy: the map spans .nan, nan"),
        (
            {"maps/m0.npy": 1.2 * MAP},
            THREE,
            "m0.npy: the sum of a .* is 1.2; .*of a sigmoid do not",
        ),
        ({"maps/m0.npy": np.log(MAP)}, THREE, "m0.npy: .* spans .-2.3.*logits, say so: .*--logits"),
        ({}, f"{THREE} --logits", "m0.npy: .* add up to 1, need no --logits"),
        ({"maps/m0.npy": MAP[:, :, :4]}, THREE, "m0.npy is 4 x 2, but its mask is 5 x 2; expected"),
        ({"maps/m0.npy": MAP.astype(int)}, THREE, "m0.npy holds int64; expected float16, float32"),
        ({"GT/m0.npy": IDS + 1}, THREE, "GT/m0.npy holds the class 3; expected 0 to 2"),
        ({"GT/m0.npy": np.eye(3, dtype=int)[IDS]}, THREE, r"\(2, 5, 3\).* save array.argmax"),
        ({}, f"{THREE} --class edge", "--class is 'edge'; expected one of background"),
        ({}, f"{SCORE} --class 1", "--class is '1'; expected one of those of --classes"),
        ({}, f"{SCORE} --classes a a", "classes is .*; expected 2 to 255 different names"),
        ({}, f"{THREE} --min-max", "min_max is True; expected False with .* classes"),
        ({}, f"{THREE} --scores auc", r"of several classes \(--class NAME .* is 'auc'"),
        ({}, f"{SCORE} --scores class_ece", "a name in scores is 'class_ece'; expected one of e"),
        ({}, f"{THREE} --ignore-index 7", "ignore_index is 7; expected the grey level"),
        ({}, f"{FIT} {CLASSES} --kind flip", "--kind with --classes is 'flip'; expected"),
        ({}, f"{FIT} --kind vector_scaling", "--kind is 'vector_scaling'; expected one"),
        ({}, f"{FIT} maps {CLASSES}", "2 folders of maps; expected one, because"),
    ],
)
def test_bad_input_is_named_with_a_remedy(elsewhere, aslp, files, line, message):
    write_set("maps", images=2)
    for file, array in files.items():
        replace(file, array)
    assert re.search(message, aslp(line, status=1).replace("\n", " "))


@pytest.mark.slow
@pytest.mark.usefixtures("quick_reports")
def test_a_run_and_a_comparison_of_three_classes(elsewhere, aslp, written):
    settings = "--preset nuclei3 --epochs 1 --limit 6 --methods bce"
    aslp(f"run {settings} --recalibrate vector_scaling --out run")
    rows = written("run/metrics.json")["test"]
    assert rows.keys() == {"bce", "bce+vector_scaling"}
    test = PRESETS["nuclei3"].load_data().tests["test"]
    Path("masks").mkdir()
    for path in Path("run/bce/maps/test").iterdir():
        np.save(f"masks/{path.stem}.npy", test.mask(list(test.stems).index(path.stem)))
    aslp(f"score --maps run/bce/maps/test --masks masks {CLASSES} --out s.json")
    ((record,),) = (methods.values() for methods in written("s.json").values())
    for name in CLASS_SCORES.keys() - {"ece_floor", "class_ece_floor"}:  # of groups in the run
        assert record[name] == rows["bce"][name]
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert "The predicted classes, from black to white: background" in page
    printed = aslp(f"compare {settings} --seeds 2 --out compared")
    records = read(Path("compared/comparison.json"))
    first = records[(records.seed == 0) & (records["set"] == "test")].iloc[0]
    assert first.class_ece == pytest.approx(record["class_ece"], abs=1e-6)
    assert "class-wise ECE %" in printed
