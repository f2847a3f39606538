"""Scoring anyone's maps from the command line."""

import csv
import html
import json
import math
import os
import platform
import re
import shlex
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
from aslp_lib.cli import main
from aslp_lib.maps.count import STRETCHED, WEIGHTED_F
from aslp_lib.metrics import SCORES, calibration, scores
from aslp_lib.metrics.counts import Counts

pytestmark = pytest.mark.usefixtures("few_resamples")

ONE = ["--maps", "maps", "--masks", "SOD/GT"]


def score(*words):
    """Call `score` without its slowest score, and return the exit status."""
    return main(["score", *words, "--no-weighted-f"])


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


def written(file="scores.json"):
    return json.loads(Path(file).read_text(encoding="utf-8"))


def table_of(file):
    with Path(file).open() as lines:
        return list(csv.DictReader(lines))


def test_anyone_s_maps_are_scored(elsewhere, capsys):
    oracle = scores(write_set(["maps"], "SOD/GT")["maps"])
    assert main(["score", *ONE, "--out", "new/one/scores.json"]) == 0  # a new folder
    *_, row, last = capsys.readouterr().out.splitlines()
    assert row.split()[:2] == ["SOD", "maps"] and last == "scores: new/one/scores.json"
    row = written("new/one/scores.json")
    assert row["images"] == 4
    assert row["intervals"].keys() == oracle.keys() - {"ece_floor"}
    assert oracle.keys() <= row.keys()
    if WEIGHTED_F:
        oracle["weighted_f"] = row["weighted_f"]
        assert 0 < row["weighted_f"] < 1
    assert row["ece_floor"] is None and math.isnan(oracle.pop("ece_floor"))  # four images
    for name, value in oracle.items():
        assert row[name] == pytest.approx(value)
    assert all(low <= high for low, high in row["intervals"].values())


@pytest.mark.fault
@pytest.mark.parametrize(("level", "words"), [(0, "background"), (255, "foreground")])
def test_the_terminal_and_the_files_have_notes(elsewhere, capsys, level, words):
    """On intervals over few images, where they are shown, and on maps that hold one class."""
    write_set(["a", "b"], "SOD/GT")
    for path in Path("b").iterdir():
        Image.new("L", (12, 9), level).save(path)
    one_class, few = f"SOD: b predicts {words} on", "SOD: 95 % intervals over 4 images are too na"
    for files in ([], ["--out", "scores.json", "--table", "t.md"]):
        assert score("--maps", "a", "b", "--masks", "SOD/GT", *files) == 0
        printed = capsys.readouterr().out
        a, b = (line.split() for line in printed.splitlines() if line.startswith("SOD  "))
        assert (a.count("-"), b.count("-")) == (1, 3)  # no noise floor; no decision either
        assert f"note: {one_class} more than 99.9 %" in printed
        assert (f"note: {few}" in printed) == bool(files)
    for text in (Path("t.md").read_text(encoding="utf-8"), str(written()["SOD"]["b"]["notes"])):
        assert one_class in text and few in text


def test_weighted_f_may_be_left_out_or_missing(elsewhere, capsys, monkeypatch):
    """Who leaves it out needs no note that it is missing; who lacks the extra is told once."""
    monkeypatch.setattr("aslp_lib.maps.count.weighted_f", None)  # a call would fail
    write_set(["maps"], "SOD/GT")
    for words, notes in ((["--no-weighted-f"], 0), ([], 1)):
        assert main(["score", *ONE, "--out", "scores.json", *words]) == 0
        assert capsys.readouterr().out.count("weighted F was not measured") == notes
        assert written()["weighted_f"] is None and written()["intervals"]["weighted_f"] is None
        monkeypatch.setattr("aslp_lib.cli.score.WEIGHTED_F", False)


@pytest.mark.usefixtures("quick_reports")
def test_maps_and_masks_that_do_not_match(elsewhere, capsys):
    write_set(["maps", "other"], "SOD/GT")
    arguments = ["--maps", "maps", "other", "--masks", "SOD/GT", "--report", "r.html"]
    Path("maps/m2.png").unlink()
    assert score(*arguments) == 1
    error = capsys.readouterr().err
    assert "masks in SOD/GT without a map in maps (--allow-missing" in error
    assert "m2" in error
    assert score(*arguments, "--allow-missing") == 0
    printed = capsys.readouterr().out
    assert "SOD: masks without a map of maps, so left out: 1" in printed
    assert "different images, so none is paired" in printed
    assert "What changes" not in Path("r.html").read_text()
    Path("SOD/GT/m0.png").unlink()
    assert score(*arguments, "--allow-missing") == 1
    assert "maps in maps without a mask in SOD/GT: m0" in capsys.readouterr().err
    Image.new("L", (12, 9), 140).save("SOD/GT/m0.png")
    assert score(*arguments, "--allow-missing") == 1
    assert "SOD/GT/m0.png is not a binary mask" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_reports")
def test_several_methods_and_sets_make_one_comparison(elsewhere):
    for seed, name in enumerate(("SOD", "ECSSD")):
        write_set([f"runs/one/{name}", f"runs/two/{name}"], f"data/{name}/GT", seed=seed)
    words = "--masks data/SOD/GT data/ECSSD/GT --out all.json --report all.html --bins 5"
    words = [*words.split(), "--table", "all.csv", "all.md", "all.tex"]
    assert score("--maps", "BCE=runs/one", "ASLP & co=runs/two", *words) == 0
    rows, lines = written("all.json"), table_of("all.csv")
    named = [(name, method) for name in ("SOD", "ECSSD") for method in ("BCE", "ASLP & co")]
    assert [(name, method) for name, own in rows.items() for method in own] == named
    assert [(line["set"], line["method"]) for line in lines] == named
    for line in lines:
        row = rows[line["set"]][line["method"]]
        assert float(line["ece"]) == pytest.approx(row["ece"], rel=1e-5)
        for name, ends in row["intervals"].items():
            written_ends = [line[f"{name}_{end}"] for end in ("low", "high")]
            if ends is None:
                assert written_ends == ["", ""]
            else:
                assert list(map(float, written_ends)) == pytest.approx(ends, rel=1e-5)
    text = f"{100 * rows['ECSSD']['BCE']['ece']:.2f}"
    for file, words in {
        "all.md": (text, "↓"),
        "all.tex": (text, r"ASLP \& co", r"\begin{table}"),
        "all.html": (text, "<b>ASLP &amp; co</b>", "(5 equal bins"),
    }.items():
        assert all(each in Path(file).read_text() for each in words)
    page = Path("all.html").read_text()
    assert page.count("<img") == page.count('alt="') == 16


def test_bins_and_stretching_reach_the_scores(elsewhere, capsys):
    counts = write_set(["maps"], "SOD/GT")["maps"]
    arguments = [*ONE, "--out", "scores.json"]
    assert score(*arguments, "--bins", "3") == 0
    assert written()["ece"] == pytest.approx(calibration.ece(counts, 3))
    for path in Path("maps").iterdir():
        Image.fromarray(np.asarray(Image.open(path)) // 2 + 50).save(path)
    assert score(*arguments) == 0
    narrow = written()["confidence"]
    assert score(*arguments, "--min-max") == 0
    assert "stretched to the full range" in capsys.readouterr().out
    assert written()["confidence"] > narrow + 0.05
    assert STRETCHED in written()["notes"]  # no such number goes unmarked


@pytest.fixture
def nothing_counted(monkeypatch):
    """Counting takes an hour: what can be known before it is told before it."""

    def fail(*_, **__):
        raise AssertionError("it was counted")

    monkeypatch.setattr("aslp_lib.evaluation.map_folders.count_folders", fail)


GIVEN = "--maps a/maps --masks SOD/GT"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--maps a/maps b/maps --masks SOD/GT", "a/maps and b/maps are both called maps.*=b/maps"),
        ("--maps A=a/maps,b/maps B=b/maps --masks SOD/GT", "number of seeds: A has 2, B has 1; "),
        ("--maps A=a/maps,a/maps --masks SOD/GT", "of A are 'a/maps,a/maps'; expected different"),
        ("--maps A=a/maps,./a/../a/maps --masks SOD/GT", "of A are .*; expected different folders"),
        ("--maps A=a/maps,link --masks SOD/GT", "of A are 'a/maps,link'; expected different"),
        ("--maps A=a/maps, --masks SOD/GT", "the folders of A are 'a/maps,'"),
        ("--maps a/maps,b/maps --masks SOD/GT", "without a label; expected LABEL=DIR,DIR"),
        ("--maps A=a/maps,c/maps --masks SOD/GT", "there is no folder c/maps"),
        (f"{GIVEN} --scores ece f1", "a name in scores is 'f1'; expected one of ece,"),
        (f"{GIVEN} --figures file", r"--figures cannot be written: file/figure\.pdf"),
        (f"{GIVEN} Y=SOD/GT", r"no maps in a/maps/SOD; expected .* a/maps holds: .*m0\.png"),
        ("--maps empty --masks SOD/GT", "no maps in empty/SOD or empty; .* holds: not"),
        ("--maps a --masks set=SOD/GT", "no maps in a/set or a; .* a holds: maps/"),
        ("--maps a/maps --masks SOD", "there are no masks in SOD; .* SOD holds: GT/"),
        ("--maps a/maps --masks nowhere", "no folder nowhere"),
        ("--maps --masks SOD/GT", "folders of maps or masks are missing"),
        (f"{GIVEN} --bins 0", "bins is 0"),
        (f"{GIVEN} --bins 200000000", "bins is 200000000; expected an integer from 1 to 256"),
        (f"{GIVEN} old/SOD/masks", "SOD/GT and old/SOD/masks are both called SOD.*=old/SOD/masks"),
        (f"{GIVEN} --valid-masks SOD/GT SOD/GT", "2 folders of valid masks and 1 of masks"),
        (f"{GIVEN} --report made", "--report is a folder or a device: made; expected a file"),
        (f"{GIVEN} --table t.csv made/", "--table is a folder or a device: made; expected"),
        (f"{GIVEN} --table t.xls", "has another suffix: t.xls; expected .csv or .md or .tex"),
        (f"{GIVEN} --out pipe.json", "--out is a folder or a device: pipe"),
        (f"{GIVEN} --report file/r.html", r"--report cannot be written: file/r\.html \(.*/file"),
        (f"{GIVEN} --out /proc/new/s.json", r"--out cannot be written: .* \(/proc: "),
    ],
)
def test_what_cannot_be_is_refused_before_counting(
    elsewhere, capsys, nothing_counted, words, message
):
    write_set(["a/maps", "b/maps"], "SOD/GT", images=1)
    for folder in ("X/SOD", "empty", "old/SOD/masks", "made"):
        Path(folder).mkdir(parents=True)
    Path("link").symlink_to("a/maps")
    Path("file").touch()
    os.mkfifo("pipe.json")
    before = sorted(elsewhere.rglob("*"))
    assert score(*words.split()) == 1
    assert re.search(message, capsys.readouterr().err)
    assert sorted(elsewhere.rglob("*")) == before


@pytest.mark.fault
@pytest.mark.parametrize(
    "label", ["two\nlines", "a\x1b[2Jb", "sep\u2028arated", "\udcff", " ", "a\u202eb", "\u2066a"]
)
def test_a_name_that_no_table_can_hold_is_refused_first(elsewhere, capsys, nothing_counted, label):
    write_set(["maps"], "SOD/GT", images=1)
    assert score("--maps", f"{label}=maps", "--masks", "SOD/GT") == 1
    assert f"{label!r} cannot be a name in tables" in capsys.readouterr().err


@pytest.mark.fault
def test_names_are_those_that_were_written_not_what_links_lead_to(elsewhere):
    """Two sets may be links to one folder."""
    counts = write_set(["store/one/maps-1"], "store/one/GT")
    for link in ("ECSSD", "SOD"):
        Path(link).symlink_to("store/one")
        Path(f"u2net/{link}").parent.mkdir(exist_ok=True)
        Path(f"u2net/{link}").symlink_to(Path("store/one/maps-1").absolute())
    Path("basnet").symlink_to("u2net")
    masks = ["--masks", "ECSSD/GT", "SOD/GT/../GT"]
    assert score("--maps", "u2net", "./basnet/", *masks, "--table", "all.csv") == 0
    rows = {(row["set"], row["method"]): float(row["ece"]) for row in table_of("all.csv")}
    ece = pytest.approx(calibration.ece(counts["store/one/maps-1"]), rel=1e-5)
    assert rows == {(s, m): ece for s in ("ECSSD", "SOD") for m in ("u2net", "basnet")}


def cells(page):
    """The texts of a page's cells, row by row; which of them are bold; and its pictures' words."""
    soup = BeautifulSoup(page, "html.parser")
    rows = [row.find_all(["th", "td"]) for row in soup.find_all("tr")]
    bold = {(i, j) for i, row in enumerate(rows) for j, cell in enumerate(row) if cell.b}
    texts = [[cell.text for cell in row] for row in rows]
    return SimpleNamespace(rows=texts, bold=bold, alts=[each["alt"] for each in soup("img")])


ODD = r"$\frac{1}$ | b~^\{}%&_#<b>*x*[y](z)`"
SET = "$x$ & <SOD>"


@pytest.mark.slow
@pytest.mark.fault
def test_a_label_is_shown_to_the_letter(elsewhere):
    write_set(["a", "b"], f"{SET}/GT")
    given = ["--maps", f"{ODD}=a", "_b=b", "--masks", f"{SET}/GT"]
    assert score(*given, "--report", "r.html", "--table", "t.md", "t.tex") == 0
    page = cells(Path("r.html").read_text())
    assert [row[:2] for row in page.rows[1:3]] == [[SET, ODD], [SET, "_b"]]
    assert page.rows[4][:3] == [SET, ODD, "4"]
    assert sum(ODD in alt for alt in page.alts) == 5  # three of its own, two with both
    shown = mistune.create_markdown(plugins=["table", "strikethrough", "url", "math"])
    rendered = cells(shown(Path("t.md").read_text()))
    assert [row[:2] for row in rendered.rows[1:]] == [[SET, ODD], [SET, "_b"]]
    line = Path("t.tex").read_text().splitlines()[9]
    assert line.startswith(
        r"\$x\$ \& \textless{}SOD\textgreater{} & \$\textbackslash{}frac\{1\}\$ \textbar{} "
        r"b\textasciitilde{}\textasciicircum{}\textbackslash{}\{\}\%\&\_\#\textless{}b"
        r"\textgreater{}{*}x{*}{[}y{]}(z)` & "
    )


def test_sets_have_names_that_the_user_gives(elsewhere, capsys):
    """Two folders called GT in folders of one name, and a folder whose name has a comma and a =."""
    write_set(["a/x", "maps,1=2/first"], "a/SOD/GT")
    write_set(["b/x", "maps,1=2/second"], "b/SOD/GT", seed=1)
    for number, name in enumerate(("first", "second")):
        Path("x", name).parent.mkdir(exist_ok=True)
        Path("x", name).symlink_to(Path("ab"[number], "x").absolute())
    masks = ["--masks", "first=a/SOD/GT", "second=b/SOD/GT"]
    assert score("--maps", "A,B=x", "maps,1=2", *masks, "--out", "s.json") == 0
    labels = ["A,B", "maps,1=2"]
    assert written("s.json").keys() == {"first", "second"}
    assert all(list(methods) == labels for methods in written("s.json").values())


@pytest.mark.usefixtures("few_resamples")
def test_seeds_are_compared_in_pairs(elsewhere, capsys):
    """Means, standard deviations and paired differences, by pandas and SciPy."""
    folders = {label: [f"{label}/s{seed}" for seed in range(3)] for label in "abc"}
    counts = write_set([folder for seeds in folders.values() for folder in seeds], "SOD/GT")
    for seed in range(3):  # c is a, a little less confident on every seed
        for path in Path(f"a/s{seed}").iterdir():
            grey_levels = np.asarray(Image.open(path)).astype(float)
            shrunk = 127.5 + (0.5 + 0.02 * seed) * (grey_levels - 127.5)
            Image.fromarray(np.rint(shrunk).astype(np.uint8)).save(f"c/s{seed}/{path.name}")
    words = [f"{label}={','.join(seeds)}" for label, seeds in folders.items()]
    output = ["--out", "s.json", "--table", "s.csv", "s.md", "--scores", "nll", "dice"]
    assert score("--maps", *words, "--masks", "SOD/GT", *output) == 0
    out = capsys.readouterr().out
    rows = written("s.json")["SOD"]
    values = {label: np.array([row["nll"] for row in rows[label]]) for label in folders}
    by_hand = [calibration.nll(counts[folder]) for folder in folders["a"]]
    assert values["a"] == pytest.approx(by_hand)
    lines = {line["method"]: line for line in table_of("s.csv")}
    p_values = []
    for label, line in lines.items():
        nll = values[label]
        cells = {key: float(line[f"nll{key}"]) for key in ("", "_sd", "_low")}
        lows = [row["intervals"]["nll"][0] for row in rows[label]]
        assert cells == pytest.approx(
            {"": nll.mean(), "_sd": nll.std(ddof=1), "_low": np.mean(lows)}, rel=1e-5
        )
        if label == "a":
            assert line["nll_difference"] == line["nll_p"] == ""
            continue
        test = stats.ttest_rel(nll, values["a"])
        ends = test.confidence_interval()
        expected = [(nll - values["a"]).mean(), ends.low, ends.high]
        found = [float(line[f"nll_difference{end}"]) for end in ("", "_low", "_high")]
        assert found == pytest.approx(expected, rel=1e-4)
        p_values.append(test.pvalue)
    adjusted = [float(lines[label]["nll_p"]) for label in "bc"]
    smaller, larger = sorted(p_values)
    holm = {smaller: min(1, 2 * smaller), larger: max(2 * smaller, larger)}
    assert adjusted == pytest.approx([holm[p] for p in p_values], rel=1e-4)
    assert adjusted[1] < 0.05 < adjusted[0]
    assert "NLL nats, better, compared with a: c (-" in out
    assert "NLL nats, not resolved, compared with a: b (" in out
    cell = f"{values['c'].mean():.3f} ± {values['c'].std(ddof=1):.3f}"
    assert f"| SOD | c | **{cell}** |" in Path("s.md").read_text()
    assert Path("s.md").read_text().count("**") == 2


@pytest.mark.slow
@pytest.mark.usefixtures("quick_reports")
def test_the_commands_of_the_page_run_as_written(elsewhere):
    """And the page lists every score that can be chosen."""
    page = (Path(__file__).parents[2] / "docs/score.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in SCORES)
    for name, masks in (("SOD", "SOD/GT"), ("ECSSD", "ECSSD/GT"), ("PASCAL-S", "pascal/GT")):
        maps = [f"maps/{method}/{name}" for method in ("bce", "aslp")]
        seeds = [f"{method}/s{seed}" for method in ("bce", "aslp") for seed in range(3)]
        write_set([*maps, *seeds] if name == "SOD" else maps, masks)
    blocks = re.findall(r"```\naslp score (.*?)```", page, re.S)
    assert len(blocks) == 4
    for block in blocks:
        if "--classes" in block:  # see test_score_classes.py
            continue
        assert score(*shlex.split(block.replace("\\\n", " "))) == 0
    files = {path.name for path in Path().iterdir() if path.is_file()}
    tables = {f"{stem}.{suffix}" for stem in ("scores", "seeds") for suffix in ("csv", "tex")}
    assert files == tables | {"scores.json", "scores.md", "comparison.html", "seeds.html"}
    assert Path("figures/PASCAL-S-reliability-ASLP.pdf").exists()


SEEDS = ["--maps", "A=a/s0,a/s1", "B=b/s0,b/s1", "--masks", "SOD/GT"]


@pytest.mark.fault
def test_a_copy_of_a_seed_is_no_other_seed(elsewhere, capsys):
    write_set(["a/s0", "a/s1", "b/s0", "b/s1"], "SOD/GT")
    shutil.copytree("a/s0", "b/s0", dirs_exist_ok=True)  # methods may be equal
    assert score(*SEEDS) == 0
    shutil.copytree("b/s1", "b/s0", dirs_exist_ok=True)
    assert score(*SEEDS, "--out", "scores.json") == 1
    assert "b/s0 and b/s1 hold the same maps of B; expected" in capsys.readouterr().err
    assert not Path("scores.json").exists()


@pytest.mark.fault
def test_seeds_with_maps_of_different_images_are_refused(elsewhere, capsys):
    write_set(["a/s0", "a/s1", "b/s0", "b/s1"], "SOD/GT")
    Path("a/s1/m0.png").unlink()
    assert score(*SEEDS, "--allow-missing") == 1
    assert "SOD: the seeds or methods have maps of different images" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_reports")
def test_a_report_over_seeds(elsewhere, capsys):
    write_set(["a/s0", "a/s1", "b/s0", "b/s1"], "SOD/GT")
    files = ["--report", "r.html", "--figures", "figures", "--format", "svg"]
    assert score(*SEEDS, *files) == 0
    page = cells(Path("r.html").read_text())
    assert [row[:2] for row in page.rows[1:3]] == [["SOD", "A"], ["SOD", "B"]]
    assert page.rows[-2:] == [["maps of B", "b/s1"], ["masks of SOD", "SOD/GT"]]
    assert "±" in page.rows[1][2] and "too narrow" in Path("r.html").read_text()
    names = {path.name for path in Path("figures").iterdir()}
    assert names == {f"SOD-{s}{d}.svg" for s in ("ECE", "NLL") for d in ("", "-differences")}


@pytest.mark.usefixtures("few_figures", "few_resamples")
def test_figures_are_files_with_names_of_sets_and_methods(elsewhere, capsys):
    write_set(["a", "b"], "SOD/GT")
    words = ["--maps", "A/1=a", "A:1=b", "--masks", "SOD/GT", "--figures", "made/figures"]
    kinds = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}
    for suffix in (*kinds, "png"):  # the last call replaces the files
        assert score(*words, "--format", suffix) == 0
    for suffix, start in kinds.items():
        files = {f.name: f.read_bytes() for f in Path("made/figures").glob(f"*.{suffix}")}
        kinds_of_a_method = product(("reliability", "density", "images"), ("", "-2"))
        names = [f"{kind}-A-1{end}" for kind, end in kinds_of_a_method]
        names += ["calibration-errors", "detection"]
        assert set(files) == {f"SOD-{name}.{suffix}" for name in names}
        assert all(content.startswith(start) for content in files.values())
    printed = capsys.readouterr().out
    assert "figures: made/figures" in printed
    assert "made/figures that this call did not write: SOD-calibration-errors.pdf" in printed


@pytest.mark.usefixtures("quick_reports")
def test_a_report_says_what_it_is_of(elsewhere):
    write_set(["runs/one", "runs/two"], "SOD/GT")
    arguments = ["--maps", "runs/one", "B=runs/two", "--masks", "SOD/GT", "--min-max", "--report"]
    assert score(*arguments, "r.html") == 0
    page = Path("r.html").read_text()
    assert page.count("<time") == 1
    assert f"aslp_lib {aslp_lib.__version__}" in page
    assert f"Python {platform.python_version()}" in page
    assert f"torch {version('torch')}" in page and f"numpy {version('numpy')}" in page
    assert f'<p class="note">Note: {STRETCHED}' in html.unescape(page)
    assert cells(page).rows[-2:] == [["maps of B", "runs/two"], ["masks of SOD", "SOD/GT"]]
    assert score(*arguments, "again.html") == 0
    date = re.compile("<time[^>]*>[^<]*</time>")
    assert date.sub("", Path("again.html").read_text()) == date.sub("", page)


@pytest.mark.usefixtures("quick_reports")
def test_a_report_says_which_differences_are_resolved(elsewhere):
    write_set(["a", "noise"], "SOD/GT", images=6)
    for mask in Path("SOD/GT").iterdir():  # a is right, and noise is not; b is a
        for method in ("a", "b"):
            Path(method).mkdir(exist_ok=True)
            (Path(method) / mask.name).write_bytes(mask.read_bytes())
    assert score("--maps", "a", "b", "noise", "--masks", "SOD/GT", "--report", "r.html") == 0
    text = Path("r.html").read_text()
    page = cells(text)
    head, first, same, other = page.rows[:4]
    differences = [i for i, title in enumerate(head) if title == "difference"]
    assert {first[i] for i in differences} == {""}
    assert [same[i] for i in differences] == ["0.00 [0.00, 0.00]", "0.000 [0.000, 0.000]"]
    assert all(float(other[i].split()[0]) > 0 for i in differences)
    assert {cell for cell in page.bold if cell[0] < 4} == {(3, i) for i in differences}
    verdict = text[text.index("<h2>Verdict") : text.index("<h2>Scores")]
    assert "Not resolved: ECE (0.00 points [0.00, 0.00]), NLL" in verdict
    assert "Worse than a in ECE by" in verdict and "accuracy by" in verdict
    assert verdict.count("Worse") == 1 and "Better" not in verdict
    assert verdict.count("ECE 0.00 [≤ 0.00] %, which chance could explain.") == 2  # a and b
