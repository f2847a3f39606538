"""Scoring anyone's maps from the command line."""

import csv
import html
import math
import os
import re
import shutil
from importlib.metadata import version
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import mistune
import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from scipy import stats

import aslp_lib
from aslp_lib.evaluation.map_folders import parse_methods, parse_sets
from aslp_lib.maps.count import STRETCHED, WEIGHTED_F
from aslp_lib.metrics import SCORES, calibration, scores
from aslp_lib.metrics.counts import Counts

pytestmark = pytest.mark.usefixtures("few_resamples")


@pytest.fixture
def score(aslp):
    """Call `score` without its slowest score."""
    return lambda words, **status: aslp(f"score --no-weighted-f {words}", **status)


def write_set(methods, masks, images=4, seed=0):
    """Random maps of each method and their masks; returns the counts by method."""
    rng = np.random.default_rng(seed)
    tables = {method: [] for method in methods}
    for folder in (masks, *methods):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for i in range(images):
        mask = np.zeros((9, 12), np.uint8)
        mask[2:7, i % 7 : i % 7 + 5] = 1
        Image.fromarray(255 * mask).save(f"{masks}/m{i}.png")
        for method, parts in tables.items():
            level_map = rng.integers(0, 256, (9, 12), dtype=np.uint8)
            Image.fromarray(level_map).save(f"{method}/m{i}.png")
            parts.append(Counts.from_map(level_map, mask))
    return {method: Counts.join(parts) for method, parts in tables.items()}


def table_of(file):
    return list(csv.DictReader(Path(file).read_text().splitlines()))


def test_anyone_s_maps_are_scored(elsewhere, aslp, written):
    oracle = scores(write_set(["maps"], "SOD/GT")["maps"])
    printed = aslp("score --maps maps --masks SOD/GT --out new/one/scores.json")  # a new folder
    *_, row, last = printed.splitlines()
    assert row.split()[:2] == ["SOD", "maps"] and last == "scores: new/one/scores.json"
    row = written("new/one/scores.json")["SOD"]["maps"]
    assert row["images"] == 4
    bounded = {name.removesuffix("_low") for name in row if name.endswith("_low")}
    assert bounded == oracle.keys() - {"ece_floor"}
    if WEIGHTED_F:
        oracle["weighted_f"] = row["weighted_f"]
        assert 0 < row["weighted_f"] < 1
    assert row["ece_floor"] is None and math.isnan(oracle.pop("ece_floor"))  # four images
    assert {name: row[name] for name in oracle} == pytest.approx(oracle)


@pytest.mark.fault
def test_the_terminal_and_the_files_have_notes(elsewhere, score, written):
    """On intervals over few images, where they are shown, and on maps that hold one class."""
    write_set(["a", "b"], "SOD/GT")
    for path in Path("b").iterdir():
        Image.new("L", (12, 9), 255).save(path)
    one_class, few = "SOD: b predicts foreground on", "SOD: 95 % intervals over 4 images are too na"
    for files in ("", "--out scores.json --table t.md"):
        printed = score(f"--maps a b --masks SOD/GT {files}")
        assert f"note: {one_class} more than 99.9 %" in printed
        assert (f"note: {few}" in printed) == bool(files)
    for text in (Path("t.md").read_text(), str(written("scores.json")["SOD"]["b"]["notes"])):
        assert one_class in text and few in text


def test_weighted_f_may_be_left_out_or_missing(elsewhere, aslp, written, monkeypatch):
    """Who leaves it out needs no note that it is missing; who lacks the extra is told once."""
    monkeypatch.setattr("aslp_lib.cli.score.WEIGHTED_F", False)
    write_set(["maps"], "SOD/GT")
    for flag, notes in (("--no-weighted-f", 0), ("", 1)):
        printed = aslp(f"score --maps maps --masks SOD/GT --out scores.json {flag}")
        assert printed.count("weighted F was not measured") == notes
        row = written("scores.json")["SOD"]["maps"]
        assert row["weighted_f"] is None and row["weighted_f_low"] is None


@pytest.mark.usefixtures("quick_reports")
def test_masks_without_a_map_may_be_left_out(elsewhere, score):
    write_set(["maps", "other"], "SOD/GT")
    words = "--maps maps other --masks SOD/GT --report r.html"
    Path("maps/m2.png").unlink()
    error = score(words, status=1)
    assert re.search(r"masks in SOD/GT without a map in maps \(--allow.*m2", error)
    printed = score(f"{words} --allow-missing")
    assert "SOD: masks without a map of maps, so left out: 1" in printed
    assert "different images, so none is paired" in printed
    assert "What changes" not in Path("r.html").read_text()
    Path("SOD/GT/m0.png").unlink()
    error = score(f"{words} --allow-missing", status=1)
    assert "maps in maps without a mask in SOD/GT: m0" in error


def cells(page):
    """The texts of a page's cells, row by row, and its pictures' words."""
    soup = BeautifulSoup(page, "html.parser")
    rows = [[cell.text for cell in row.find_all(["th", "td"])] for row in soup.find_all("tr")]
    return SimpleNamespace(rows=rows, alts=[each["alt"] for each in soup("img")])


ODD = r"$\frac{1}$ | b~^\{}%&_#<b>*x*[y](z)`"
SET = "$x$ & <SOD>"
IN_TEX = (
    r"\$x\$ \& \textless{}SOD\textgreater{} & \$\textbackslash{}frac\{1\}\$ \textbar{} "
    r"b\textasciitilde{}\textasciicircum{}\textbackslash{}\{\}\%\&\_\#\textless{}b"
    r"\textgreater{}{*}x{*}{[}y{]}(z)` & "
)


@pytest.mark.slow
@pytest.mark.fault
def test_several_methods_and_sets_make_one_comparison_with_their_names_to_the_letter(
    elsewhere, score, written
):
    for seed, name in enumerate((SET, "ECSSD")):
        write_set([f"runs/one/{name}", f"runs/two/{name}"], f"data/{name}/GT", seed=seed)
    maps = f"--maps '{ODD}=runs/one' _b=runs/two --masks 'data/{SET}/GT' data/ECSSD/GT"
    files = "--out all.json --report all.html --table all.csv all.md all.tex"
    score(f"{maps} --bins 5 {files}")
    named = [[name, method] for name in (SET, "ECSSD") for method in (ODD, "_b")]
    rows, lines = written("all.json"), table_of("all.csv")
    assert [[name, method] for name, own in rows.items() for method in own] == named
    assert [[line["set"], line["method"]] for line in lines] == named
    for line in lines:
        row = rows[line["set"]][line["method"]]
        del row["notes"], line["set"], line["method"]
        expected = {name: math.nan if value is None else value for name, value in row.items()}
        in_csv = {name: float(value or "nan") for name, value in line.items()}
        assert in_csv == pytest.approx(expected, rel=1e-5, nan_ok=True)
    page = cells(Path("all.html").read_text())
    assert [row[:2] for row in page.rows[1:5]] == named
    assert page.rows[6][:3] == [SET, ODD, "4"]
    assert sum(ODD in alt for alt in page.alts) == 2 * 5  # three of its own, two with both
    shown = mistune.create_markdown(plugins=["table", "strikethrough", "url", "math"])
    rendered = cells(shown(Path("all.md").read_text()))
    assert [row[:2] for row in rendered.rows[1:]] == named
    assert Path("all.tex").read_text().splitlines()[9].startswith(IN_TEX)
    text = f"{100 * rows['ECSSD'][ODD]['ece']:.2f}"
    for file, mark in {"md": "↓", "tex": r"\begin{table}", "html": "(5 equal bins"}.items():
        content = Path(f"all.{file}").read_text()
        assert text in content and mark in content
    assert f"<b>{html.escape(ODD)}</b>" in content


def test_bins_and_stretching_reach_the_scores(elsewhere, score, written):
    counts = write_set(["maps"], "SOD/GT")["maps"]
    words = "--maps maps --masks SOD/GT --out scores.json"

    def record():
        return written("scores.json")["SOD"]["maps"]

    score(f"{words} --bins 3")
    assert record()["ece"] == pytest.approx(calibration.ece(counts, 3))
    for path in Path("maps").iterdir():
        Image.fromarray(np.asarray(Image.open(path)) // 2 + 50).save(path)
    score(words)
    narrow = record()["confidence"]
    assert "stretched to the full range" in score(f"{words} --min-max")
    assert record()["confidence"] > narrow + 0.05
    assert STRETCHED in record()["notes"]  # no such number goes unmarked


GIVEN = "--maps a/maps --masks SOD/GT"
NO_NAME = "cannot be a name in tables"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--maps a/maps b/maps --masks SOD/GT", "a/maps and b/maps are both called maps.*=b/maps"),
        ("--maps A=a/maps,b/maps B=b/maps --masks SOD/GT", "number of seeds: A has 2, B has 1; "),
        ("--maps A=a/maps,a/maps --masks SOD/GT", "of A are 'a/maps,a/maps'; expected different"),
        ("--maps A=a/maps,link --masks SOD/GT", "of A are 'a/maps,link'; expected different"),
        ("--maps A=a/maps, --masks SOD/GT", "the folders of A are 'a/maps,'"),
        ("--maps a/maps,b/maps --masks SOD/GT", "without a label; expected LABEL=DIR,DIR"),
        (
            "--maps A=a/maps,c/maps --masks SOD/GT",
            "there are no maps in c/maps/SOD or c/maps; .* c/maps holds: nothing",
        ),
        ("--maps 'two\nlines=a/maps' --masks SOD/GT", rf"'two\\nlines' {NO_NAME}"),
        ("--maps '\udcff=a/maps' --masks SOD/GT", rf"'\\udcff' {NO_NAME}"),
        ("--maps ' =a/maps' --masks SOD/GT", f"' ' {NO_NAME}"),
        ("--maps 'a\u202eb=a/maps' --masks SOD/GT", rf"'a\\u202eb' {NO_NAME}"),
        (f"{GIVEN} --figures file", r"--figures cannot be written: file/figure\.pdf"),
        (f"{GIVEN} Y=SOD/GT", r"no maps in a/maps/SOD; expected .* a/maps holds: .*m0\.png"),
        ("--maps empty --masks SOD/GT", "no maps in empty/SOD or empty; .* holds: not"),
        ("--maps a --masks set=SOD/GT", "no maps in a/set or a; .* a holds: maps/"),
        ("--maps a/maps --masks SOD", "there are no masks in SOD; .* SOD holds: GT/"),
        ("--maps --masks SOD/GT", "folders of maps or masks are missing"),
        (f"{GIVEN} --bins 200000000", "bins is 200000000; expected an integer from 1 to 256"),
        (f"{GIVEN} old/SOD/masks", "SOD/GT and old/SOD/masks are both called SOD.*=old/SOD/masks"),
        (f"{GIVEN} --report made", "--report is a folder or a device: made; expected a file"),
        (f"{GIVEN} --out pipe.json", "--out is a folder or a device: pipe"),
        (f"{GIVEN} --report file/r.html", r"--report cannot be written: file/r\.html \(.*/file"),
    ],
)
def test_what_cannot_be_is_refused_before_counting(elsewhere, score, monkeypatch, words, message):
    """Counting may take an hour."""
    monkeypatch.delattr("aslp_lib.evaluation.map_folders.count_folders")
    write_set(["a/maps", "b/maps"], "SOD/GT", images=1)
    for folder in ("X/SOD", "empty", "old/SOD/masks", "made"):
        Path(folder).mkdir(parents=True)
    Path("link").symlink_to("a/maps")
    Path("file").touch()
    os.mkfifo("pipe.json")
    before = sorted(elsewhere.rglob("*"))
    assert re.search(message, score(words, status=1))
    assert sorted(elsewhere.rglob("*")) == before


def test_names_are_those_that_the_user_gave_or_wrote_not_what_links_lead_to(elsewhere):
    """Two sets may be links to one folder, and a folder's name may have a comma and a =."""
    Path("store/GT").mkdir(parents=True)
    Path("maps,1=2").mkdir()
    for link in ("ECSSD", "SOD", "u2net"):
        Path(link).symlink_to("store")
    words = ["u2net", "./maps,1=2/", "A,B=store"]
    assert list(parse_methods(words)) == ["u2net", "maps,1=2", "A,B"]
    assert list(parse_sets(["ECSSD/GT", "SOD/GT/../GT", "a=store/GT"])) == ["ECSSD", "SOD", "a"]


@pytest.mark.usefixtures("quick_reports")
def test_seeds_are_compared_in_pairs(elsewhere, score, written):
    """Means, standard deviations and paired differences, by NumPy and SciPy."""
    write_set([f"{label}/s{seed}" for label in "ab" for seed in range(3)], "SOD/GT")
    for seed in range(3):  # b is a, a little less confident on every seed
        for path in Path(f"a/s{seed}").iterdir():
            grey_levels = np.asarray(Image.open(path)).astype(float)
            shrunk = 127.5 + (0.5 + 0.02 * seed) * (grey_levels - 127.5)
            Image.fromarray(np.rint(shrunk).astype(np.uint8)).save(f"b/s{seed}/{path.name}")
    maps = "--maps a=a/s0,a/s1,a/s2 b=b/s0,b/s1,b/s2 --masks SOD/GT"
    files = "--out s.json --table s.csv s.md --report s.html --figures figures --format svg"
    printed = score(f"{maps} {files} --scores nll dice")
    assert "SOD, b: Better than a: NLL (-" in printed
    rows = written("s.json")["SOD"]
    a, b = (np.array([row["nll"] for row in rows[label]]) for label in "ab")
    test = stats.ttest_rel(b, a)
    ends = test.confidence_interval()
    expected = {
        "": b.mean(),
        "_sd": b.std(ddof=1),
        "_low": np.mean([row["nll_low"] for row in rows["b"]]),
        "_difference": (b - a).mean(),
        "_difference_low": ends.low,
        "_difference_high": ends.high,
        "_p": test.pvalue,
    }
    _, line = table_of("s.csv")
    assert {key: float(line[f"nll{key}"]) for key in expected} == pytest.approx(expected, rel=1e-4)
    assert f"| SOD | b | **{b.mean():.3f} ± {b.std(ddof=1):.3f}** |" in Path("s.md").read_text()
    page = cells(Path("s.html").read_text())
    assert [row[:2] for row in page.rows[1:3]] == [["SOD", "a"], ["SOD", "b"]]
    assert page.rows[-2:] == [["maps of b", "b/s2"], ["masks of SOD", "SOD/GT"]]
    assert "±" in page.rows[1][2] and "too narrow" in Path("s.html").read_text()
    assert Path("figures/SOD-NLL-differences.svg").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("quick_reports")
def test_the_commands_of_the_page_run_as_written(elsewhere, score):
    """And the page lists every score that can be chosen."""
    page = (Path(__file__).parents[2] / "docs/score.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in SCORES)
    for name, masks in (("SOD", "SOD/GT"), ("ECSSD", "ECSSD/GT"), ("PASCAL-S", "pascal/GT")):
        write_set([f"maps/{method}/{name}" for method in ("bce", "aslp")], masks)
    write_set([f"{method}/s{seed}" for method in ("bce", "aslp") for seed in range(3)], "SOD/GT")
    for block in re.findall(r"```\naslp score (.*?)```", page, re.S):
        if "--classes" not in block:  # see test_score_classes.py
            score(block.replace("\\\n", " "))
    assert {"comparison.html", "seeds.html"} <= {path.name for path in Path().iterdir()}


SEEDS = "--maps A=a/s0,a/s1 B=b/s0,b/s1 --masks SOD/GT"


@pytest.mark.fault
def test_seeds_are_different_maps_of_the_same_images(elsewhere, score):
    write_set(["a/s0", "a/s1", "b/s0", "b/s1"], "SOD/GT")
    shutil.copytree("a/s0", "b/s0", dirs_exist_ok=True)  # methods may be equal
    score(SEEDS)
    shutil.copytree("b/s1", "b/s0", dirs_exist_ok=True)
    error = score(f"{SEEDS} --out scores.json", status=1)
    assert "b/s0 and b/s1 hold the same maps of B; expected" in error
    assert not Path("scores.json").exists()
    Path("b/s1/m0.png").unlink()
    error = score(f"{SEEDS} --allow-missing", status=1)
    assert "SOD: the seeds or methods have maps of different images" in error


@pytest.mark.usefixtures("few_figures")
def test_figures_are_files_with_names_of_sets_and_methods(elsewhere, score):
    write_set(["a", "b"], "SOD/GT")
    for suffix in ("pdf", "svg", "svg"):  # the last call replaces the files
        printed = score(
            f"--maps A/1=a A:1=b --masks SOD/GT --figures made/figures --format {suffix}"
        )
    kinds_of_a_method = product(("reliability", "density", "images"), ("", "-2"))
    names = [f"SOD-{kind}-A-1{end}" for kind, end in kinds_of_a_method]
    names += ["SOD-calibration-errors", "SOD-detection"]
    starts = {path.name: path.read_bytes()[:5] for path in Path("made/figures").iterdir()}
    expected = {".pdf": b"%PDF-", ".svg": b"<?xml"}
    assert starts == {name + suffix: expected[suffix] for name in names for suffix in expected}
    assert "figures: made/figures" in printed
    assert "made/figures that this call did not write: SOD-calibration-errors.pdf" in printed


@pytest.mark.usefixtures("quick_reports")
def test_a_report_says_what_it_is_of_and_is_the_same_the_next_time(elsewhere, score):
    write_set(["runs/one", "runs/two"], "SOD/GT")
    pages = {}
    for file in ("r.html", "again.html"):
        score(f"--maps runs/one B=runs/two --masks SOD/GT --min-max --report {file}")
        pages[file] = re.sub("<time[^>]*>[^<]*</time>", "", Path(file).read_text())
    page = pages["r.html"]
    assert page == pages["again.html"]
    assert f"aslp_lib {aslp_lib.__version__}" in page and f"torch {version('torch')}" in page
    assert f'<p class="note">Note: {STRETCHED}' in html.unescape(page)
    assert cells(page).rows[-2:] == [["maps of B", "runs/two"], ["masks of SOD", "SOD/GT"]]
