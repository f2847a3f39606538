"""Pages and notebooks: spelling, links, commands and code examples."""

import doctest
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from notebook_files import ROOT, cells

from aslp_lib.cli import parse

FOLDERS = ("aslp_lib", "benchmarks", "docs", "examples", "tests", "Dataset")
PAGES = [*ROOT.glob("*.md"), *(path for name in FOLDERS for path in (ROOT / name).rglob("*.md"))]
CODE = [path for name in FOLDERS for path in (ROOT / name).rglob("*.py")]
LIBRARY = [path for path in CODE if path.is_relative_to(ROOT / "aslp_lib")]
NOTEBOOKS = [*(ROOT / "notebooks").rglob("*.ipynb")]
MANUAL = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
OF_THE_PAST = ("CHANGELOG.md", "first_trial.md", "second_trial.md")
"""Pages that name files and commands of earlier commits."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path, kind: str | None = "markdown") -> str:
    """The text of a page, or of the cells of a notebook."""
    if path.suffix == ".ipynb":
        return "\n\n".join(cell.source for cell in cells(path, kind))
    return path.read_text(encoding="utf-8")


def blocks_of(page: str, language: str = r"\w*") -> list[str]:
    """The blocks of code of a page, by its name without the suffix."""
    return re.findall(rf"```{language}\n(.*?)```", text_of(ROOT / f"{page}.md"), re.S)


def prose(path: Path) -> str:
    """The text without blocks of code."""
    return re.sub(r"^(```|~~~).*?^\1$", "", text_of(path), flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """The targets of links to headings, on GitHub and in Jupyter."""
    titles = re.findall(r"^#{1,6} +(.+?) *#*$", prose(path), re.M)
    titles = [re.sub(r"[`*]", "", title) for title in titles]
    github = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return github | {title.replace(" ", "-") for title in titles}


def test_spelling(tmp_path):
    for path in NOTEBOOKS:
        copy = tmp_path / name(path).replace("/", "-")
        copy.with_suffix(".md").write_text(text_of(path, None), encoding="utf-8")
    files = [*PAGES, *CODE, *tmp_path.iterdir(), ROOT / "Makefile", ROOT / "pyproject.toml"]
    command = [sys.executable, "-m", "codespell_lib", "--toml", ROOT / "pyproject.toml", *files]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name)
def test_links_lead_to_files_and_headings(path):
    for target in re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", prose(path)):
        if not re.match(r"[a-z]+:", target):
            file, _, anchor = target.partition("#")
            destination = (path.parent / file).resolve() if file else path
            assert destination.exists(), target
            assert not anchor or anchor in anchors(destination), target


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_files_that_are_named_exist(path):
    """In backticks, relative to the page, the project, the library or the tests."""
    if path.name in OF_THE_PAST:
        return
    folders = [path.parent, *(ROOT / x for x in ("", "aslp_lib", "aslp_lib/course", "tests"))]
    for file in re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|json|ipynb|sh|toml))`", prose(path)):
        placeholder = re.search(r"NAME|NN|METHOD|^runs/|^my-course/|gpu\.json$", file)
        assert placeholder or any((folder / file).exists() for folder in folders), file


def commands() -> list[str]:
    """The lines in the blocks of code of README and docs/."""
    blocks = [block for page in MANUAL for block in blocks_of(name(page).removesuffix(".md"))]
    return "\n".join(blocks).replace("\\\n", " ").splitlines()


PROGRAM = re.compile(r"(?:aslp|torchrun .*(?:main_ASLP\.py|-m aslp_lib))(?= |$)(?!.*--help)(.*)")


@pytest.mark.parametrize("words", [m[1] for line in commands() if (m := PROGRAM.match(line))])
def test_commands_are_understood(words):
    parse(shlex.split(words, comments=True) or ["run"])


def test_targets_of_make_exist():
    current = [text_of(path) for path in PAGES if path.name not in OF_THE_PAST]
    pages = "\n".join([f"`{line}" for line in commands()] + current)
    used = set(re.findall(r"`make ([a-z][\w-]*)", pages))
    rules = re.findall(r"^([a-z][\w -]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert used and used <= set(" ".join(rules).split())


@pytest.mark.parametrize("path", [path for path in LIBRARY if ">>> " in text_of(path)], ids=name)
def test_examples_in_docstrings(path):
    module = name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    results = doctest.testmod(import_module(module))
    assert results.attempted and not results.failed


def test_the_recalibration_of_the_page_runs():
    (block,) = (b for b in blocks_of("docs/recalibration", "python") if "Counts" in b)
    logits = 4 * torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    most_confident = logits.flatten().abs().argsort(descending=True)
    labels = (logits > 0).to(torch.uint8)
    labels.view(-1)[most_confident[::5]] ^= 1  # a fifth is wrong, at every confidence
    names = {"logits": logits, "labels": labels}
    exec(block, names)
    assert names["temperature"].value > 1
    assert (names["maps"] - 0.5).abs().mean() < (logits.sigmoid() - 0.5).abs().mean()


def test_the_scores_of_the_page_on_classes_run(capsys):
    pytest.importorskip("torchmetrics")
    blocks = blocks_of("docs/classes", "python")
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 3, 8, 8, generator=generator)
    labels = torch.randint(3, (3, 4, 8, 8), generator=generator)
    names = {"batches": [*zip(logits, labels, strict=True)], "labels": labels.flatten(0, 1)}
    names["probabilities"] = logits.flatten(0, 1).softmax(1)
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 4 and "class_ece" in capsys.readouterr().out
