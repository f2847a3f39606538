"""A learner's copies: without outputs, kept, and never the course's own files."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from aslp_lib.course import material
from aslp_lib.course.publishing import copies

NAMES = "notebooks/first.ipynb", "notebooks/solutions/first.ipynb"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A clone's files, and an empty folder: (root, folder)."""
    root = tmp_path / "clone"
    monkeypatch.setattr(material, "ROOT", root)
    monkeypatch.setattr(material, "NOTEBOOKS", root / "notebooks")
    for name in NAMES:
        write(root / name, "6 * 7")
    (root / "docs").mkdir()
    (root / "docs/page.md").write_text("page")
    patterns = '["notebooks/*.ipynb", "notebooks/*/*.ipynb", "docs/*.md"]'
    (root / "pyproject.toml").write_text(f"[tool.aslp]\ncourse-files = {patterns}")
    return root, tmp_path / "own"


def write(path: Path, code: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    result = new_output("execute_result", {"text/plain": "the answer"}, execution_count=3)
    cell = new_code_cell(code, outputs=[result], execution_count=3, metadata={"tags": ["kept"]})
    checked = new_code_cell("assert True", execution_count=4, metadata={"tags": [copies.CI_CHECK]})
    told = new_code_cell("print(guess.against(42))")
    text = new_markdown_cell("[page](../docs/page.md) and [`loss.py`](../aslp_lib/aslp/loss.py)")
    nbformat.write(new_notebook(cells=[text, cell, told, checked]), path)


def copied(folder: Path, full: bool = False) -> list[str]:
    return list(copies.copy_course(folder, full))


def test_a_copy_says_what_the_course_says_without_its_answers_unless_it_is_full(course):
    root, own = course
    for full, folder in ((False, own), (True, own / "full")):
        assert copied(folder, full) == [f"{folder / name}: new" for name in NAMES]
        assert (folder / "docs/page.md").read_text() == "page"
    for name in NAMES:
        text, *full = nbformat.read(own / "full" / name, 4).cells
        assert text.source == "[page](../docs/page.md) and `loss.py`"
        assert full == nbformat.read(root / name, 4).cells[1:]
        same, cell, told = nbformat.read(own / name, 4).cells
        assert same == text and "the answer" not in (own / name).read_text()
        assert told.metadata == {"jupyter": {"source_hidden": True}}
        assert (cell.source, cell.execution_count) == ("6 * 7", None)
        assert cell.metadata.tags == ["kept"]


def test_a_changed_course_replaces_only_what_nobody_wrote_into(course):
    root, own = course
    first, second = (own / name for name in NAMES)
    copied(own)
    written = nbformat.read(first, 4)
    written.cells[1].source += " + 1"
    nbformat.write(written, first)
    ran = nbformat.read(second, 4)
    ran.cells[1].execution_count = 1  # run, but not written into
    nbformat.write(ran, second)
    (own / "docs/page.md").write_text("mine")
    for name in NAMES:
        write(root / name, "new")
    told = copied(own)
    assert "left unchanged: you have edited it" in told[0]
    assert told[1] == f"{second}: updated"
    sources = [nbformat.read(path, 4).cells[1].source for path in (first, second)]
    assert sources == ["6 * 7 + 1", "new"]
    assert (own / "docs/page.md").read_text() == "mine"
    first.rename(own / "mine.ipynb")
    assert copied(own) == [f"{first}: new"]


@pytest.mark.fault
@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 1}'])
def test_a_spoiled_copy_is_left_alone(course, content):
    """A message says to rename a copy that is not a notebook."""
    own = course[1]
    copied(own)
    (own / NAMES[0]).write_text(content)
    (told,) = copied(own)
    assert "cannot be read" in told
    assert (own / NAMES[0]).read_text() == content


@pytest.mark.fault
def test_without_the_course_nothing_is_promised(course, tmp_path, monkeypatch):
    monkeypatch.setattr(material, "NOTEBOOKS", tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match=r"the course is not in .*expected the folder note"):
        copied(course[1])
    assert not course[1].exists()
