"""Prose that a reader relies on: headings in order, links that lead somewhere, one spelling, and
numbers that are the code's."""

import importlib.resources
import io
import json
import re
import statistics
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import measured
import pytest
import torch
from packaging.specifiers import SpecifierSet

from aslp_lib import networks
from aslp_lib.config import PRESETS
from aslp_lib.course import recorded
from aslp_lib.course.models.costs import BACKWARD, forward_flops
from aslp_lib.data.check import SIZES
from aslp_lib.data.folders import TRAIN, VALIDATION_SHARE
from aslp_lib.experiments.seed_statistics import Difference, difference
from aslp_lib.methods import METHOD_LABELS, METHODS
from aslp_lib.metrics import calibration
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.training.validation import validate

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(
            page
            for part in ("aslp_lib", "benchmarks", "docs", "tests", "Dataset")
            for page in (ROOT / part).rglob("*.md")
        ),
    ]
)
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
NOTEBOOKS = [path for path in NOTEBOOKS if ".ipynb_checkpoints" not in path.parts]
CODE = sorted(
    path
    for part in ("aslp_lib", "tests", "benchmarks", "Dataset")
    for path in (ROOT / part).rglob("*.py")
)
TOLD = "\n".join(
    path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
)
"""What README says, and the pages that it leads to."""


def sources(path: Path, kind: str) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def markdown(path: Path) -> str:
    """A page's text, or a notebook's, without code that is set apart."""
    text = (
        "\n\n".join(sources(path, "markdown"))
        if path.suffix == ".ipynb"
        else path.read_text(encoding="utf-8")
    )
    return re.sub(r"^(```|~~~).*?^\1$", "", text, flags=re.M | re.S)


def headings(text: str) -> list[tuple[int, str]]:
    return [
        (len(marks), title) for marks, title in re.findall(r"^(#{1,6}) +(.+?) *#*$", text, re.M)
    ]


def anchors(path: Path) -> set[str]:
    """What a link to a heading ends in: GitHub's way and, of notebooks, Jupyter's."""
    titles = [re.sub(r"[`*]", "", title) for _, title in headings(markdown(path))]
    github = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return github | {title.replace(" ", "-") for title in titles}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name)
def test_headings_begin_at_the_top_and_skip_no_level(path):
    before = 0
    for level, title in headings(markdown(path)):
        assert level <= before + 1, title
        before = level
    assert before, "no heading"


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name)
def test_links_within_the_project_lead_to_files_and_headings(path):
    for target in re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", markdown(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_files_that_are_named_are_there(path):
    """In backticks, by their path from the project's folder, the page's, or the library's."""
    kinds = "py|md|json|ipynb|sh|toml|yml|cfg|txt|png"
    rooms = ("", "aslp_lib", "aslp_lib/course", "aslp_lib/evaluation", "tests")
    places = [path.parent, *(ROOT / room for room in rooms)]
    for said in re.findall(rf"`((?:[\w.-]+/)+[\w.-]+\.(?:{kinds}))`", markdown(path)):
        # What stands for any name, what a run writes, and what once was or is yet to be recorded.
        made = re.search(r"NAME|NN|METHOD|^runs/|^my-notebooks/|gpu\.json$", said)
        once = path.name == "CHANGELOG.md"
        assert made or once or any((place / said).exists() for place in places), said


def comments(path: Path) -> str:
    """Comments and docstrings of code."""
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(io.StringIO(file.read()).readline))
    found = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        alone = before is None or before.type in (tokenize.NEWLINE, tokenize.INDENT)
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and alone):
            found.append(token.string)
    return "\n".join(found)


def test_words_are_spelled_right(tmp_path):
    """codespell, which knows frequent mistakes alone, over prose and code."""
    for path in NOTEBOOKS:
        text = "\n".join([*sources(path, "markdown"), *sources(path, "code")])
        (tmp_path / name(path).replace("/", "-")).with_suffix(".md").write_text(text)
    command = [sys.executable, "-m", "codespell_lib", "--toml", str(ROOT / "pyproject.toml")]
    result = subprocess.run(
        [
            *command,
            *map(str, PAGES),
            *map(str, CODE),
            *map(str, tmp_path.iterdir()),
            str(ROOT / "Makefile"),
            str(ROOT / "pyproject.toml"),
        ],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def american() -> dict[str, str]:
    """American spelling -> British, of codespell's dictionary, without what is both."""
    lines = importlib.resources.files("codespell_lib") / "data" / "dictionary_en-GB_to_en-US.txt"
    pairs = [line.split("->") for line in lines.read_text(encoding="utf-8").splitlines() if line]
    return {us.split(",")[0].strip(): gb for gb, us in pairs}


OURS = {"biased", "writable", "optimizer", "program", "programs"}
"""Words that the British write so too, and torch's own."""


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS, *CODE], ids=name)
def test_spelling_is_british(path):
    text = comments(path) if path.suffix == ".py" else markdown(path)
    # Without code, formulas, links, and titles, which are in italics.
    text = re.sub(r"\\\*|`[^`]*`|\*[^*\n]+\*|\]\([^)]*\)|\$[^$]*\$|<[^>]*>|https?://\S+", " ", text)
    words = {word.lower() for word in re.findall(r"[A-Za-z]+", text) if not word.isupper()}
    found = words & american().keys() - OURS
    assert not found, {word: american()[word] for word in found}


def of_table(first: str) -> list[str]:
    """The cells of the row of a table that begins so."""
    (row,) = re.findall(rf"^\| {re.escape(first)} \|(.+)\|$", TOLD, re.M)
    return [cell.strip() for cell in row.split("|")]


def test_versions_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (oldest,) = re.findall(r"You need Python (\d+\.\d+) or newer", TOLD)
    assert SpecifierSet(project["requires-python"]) == SpecifierSet(f">={oldest}")
    said = re.findall(
        r"^(?:LOWEST|NEWEST)_PYTHON \?= (\S+)$", (ROOT / "Makefile").read_text(), re.M
    )
    tested = [each.rpartition(":: ")[2] for each in project["classifiers"] if ":: 3." in each]
    assert said == tested and said[0] == oldest
    for extra in re.findall(r"'(?:aslp-lib|\.|-e \.)\[([\w,]+)\]'", TOLD):
        assert set(extra.split(",")) <= project["optional-dependencies"].keys()


def test_the_presets_are_the_settings():
    for name in ("demo", "small", "paper"):
        _, network, _ = of_table(f"`{name}`")
        assert network.endswith(f", {PRESETS[name].size}"), name
    use, network, cost = of_table("`paper`")
    paper = PRESETS["paper"]
    assert f"{paper.epochs} epochs, batch {paper.batch_size}, Adam at {paper.learning_rate:g}" in (
        use.replace("2.5e-5", "2.5e-05")
    )
    with torch.device("meta"):
        built = networks.build(paper.network)
    parameters = sum(each.numel() for each in built.parameters())
    assert network.startswith(f"{parameters / 1e6:.0f} M parameters")
    flops = forward_flops(built, paper.size)
    held_out = round(VALIDATION_SHARE * SIZES[TRAIN.name])
    passes = (1 + BACKWARD) * (
        SIZES[TRAIN.name] - held_out
    ) + held_out  # validation is forward alone
    assert f"{passes * flops * paper.epochs / 1e15:.0f} PFLOP a method" in cost
    assert f"{flops / 1e9:.1f} GFLOP an image forward" in cost


@pytest.mark.slow
def test_recalibrations_have_the_errors_that_it_says():
    """Those that counts alone are enough for, and flip averaging; of the shipped BCE network."""
    data, network = recorded.SETTINGS.load_data(), recorded.load("bce")
    held_out, test = (
        validate(network, part, recorded.SETTINGS) for part in (data.validation, data.tests["test"])
    )
    assert f"{100 * calibration.ece(test):.1f} % before" in TOLD
    for kind in ("temperature", "two_temperatures", "logistic", "isotonic", "histogram"):
        fitted = RECALIBRATIONS[kind]().fit(held_out)
        said = float(of_table(f"`{kind}`")[2])
        assert 100 * calibration.ece(fitted.apply_counts(test)) == pytest.approx(said, abs=0.1)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_words_on_photographs_are_the_records():
    def found(method: str, part: str, kind: str | None = None) -> list[dict]:
        return measured.compared(method, part, kind, preset="small")

    def move(*parts: str) -> str:
        """Of ECE, by temperatures for each image."""
        own = (
            statistics.mean(r["ece"] for part in parts for r in found("bce", part, kind))
            for kind in (None, "per_image_temperature")
        )
        return " to ".join(f"{100 * each:.1f}" for each in own) + " %"

    def behind(part: str, kind: str) -> Difference:
        """MC's ECE less BCE's."""
        return difference(*(found(name, part, kind) for name in ("calibration", "bce")), "ece")

    def within(found: Difference, sign: str = "") -> str:
        return f"[{100 * found.low:{sign}.1f}, {100 * found.high:{sign}.1f}]"

    shown = {part: move(part) for part in ("SOD", "validation", "DTD_Texture_500")}
    degraded = [f"SOD, {name}" for name in ("noise2", "blur2", "contrast2", "zoom2", "paste2")]
    warm = [
        found("fixed_level", "validation", "temperature"),
        measured.smoothed("validation", "temperature", preset="small"),
    ]
    nll = difference(*warm, "nll")
    cooled = behind("SOD", "temperature")
    ahead = behind("SOD", "per_image_temperature")
    for said in (
        f"half a point of ECE {within(behind('validation', 'temperature'))}",
        f"SOD by {100 * cooled.mean:.1f} points {within(cooled)}",
        f"by {-100 * ahead.mean:.1f} points [{-100 * ahead.high:.1f}, {-100 * ahead.low:.1f}]",
        f"SOD's error from {shown['SOD']}",
        f"degraded from {move(*degraded)}",
        f"validation's ({shown['validation']})",
        f"from {shown['DTD_Texture_500']}, all of it modesty",
        f"NLL on validation is {-100 * nll.mean:.1f} hundredths of a nat less {within(nll, '+')}",
    ):
        assert said in flat(TOLD), said


def test_least_error_with_a_temperature_is_the_recorded_one():
    least = min(
        (
            statistics.mean(r["ece"] for r in measured.compared(method, "test", "temperature")),
            method,
        )
        for method in METHODS
    )
    said = (
        f"Of all {len(METHODS)} methods {METHOD_LABELS[least[1]]} with a temperature has the least"
    )
    assert said in flat(TOLD) and f"error ({100 * least[0]:.1f} %)" in flat(TOLD)


def test_words_on_speed_are_the_records():
    found = measured.held("evaluation.json")
    assert round(2 * found["contenders"]["ours"]["ratio"]) == 3
    assert "one and a half times as long as decoding the PNGs takes" in flat(TOLD)
    assert found["command"]["images"] == 1000
    assert round(found["command"]["seconds"]["score --report"]) == 3
    assert "a thousand maps with their report in three seconds" in flat(TOLD)
