"""A learner's copies: without outputs, kept, and never the course's own files."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from aslp_lib.course.publishing.copies import copy_notebooks


@pytest.fixture
def course(tmp_path):
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    for name, told in (("first.ipynb", "6 * 7"), ("solutions/first.ipynb", "42")):
        write(tmp_path / "notebooks" / name, told)
    return tmp_path / "notebooks", tmp_path / "my-notebooks"


def write(path: Path, code: str) -> None:
    result = new_output("execute_result", {"text/plain": "the answer"}, execution_count=3)
    cell = new_code_cell(code, outputs=[result], execution_count=3, metadata={"tags": ["kept"]})
    nbformat.write(new_notebook(cells=[new_markdown_cell("**Predict**"), cell]), path)


def code(path: Path) -> str:
    return nbformat.read(path, 4).cells[1].source


def test_a_copy_says_what_the_course_says_without_its_answers(course):
    notebooks, own = course
    assert copy_notebooks(*course) == [f"{own / name}: new" for name in
                                       ("first.ipynb", "solutions/first.ipynb")]  # fmt: skip
    for name in ("first.ipynb", "solutions/first.ipynb"):
        assert "the answer" in (notebooks / name).read_text()
        assert "the answer" not in (own / name).read_text()
        cell = nbformat.read(own / name, 4).cells[1]
        assert cell.source == code(notebooks / name)
        assert cell.execution_count is None
        assert cell.metadata.tags == ["kept"]


def test_a_changed_course_replaces_only_what_nobody_wrote_into(course):
    notebooks, own = course
    copy_notebooks(*course)
    written = nbformat.read(own / "first.ipynb", 4)
    written.cells[1].source += " + 1"
    nbformat.write(written, own / "first.ipynb")
    ran = json.loads((own / "solutions/first.ipynb").read_text())
    ran["cells"][1]["execution_count"] = 1  # run, but not written into
    (own / "solutions/first.ipynb").write_text(json.dumps(ran))
    for name in ("first.ipynb", "solutions/first.ipynb"):
        write(notebooks / name, "new")
    first, second = copy_notebooks(*course)
    assert "left unchanged: you have edited it" in first
    assert second == f"{own / 'solutions/first.ipynb'}: updated"
    assert code(own / "first.ipynb") == "6 * 7 + 1"
    assert code(own / "solutions/first.ipynb") == "new"
    own.joinpath("first.ipynb").rename(own / "mine.ipynb")
    assert copy_notebooks(*course) == [f"{own / 'first.ipynb'}: new"]
    assert code(own / "mine.ipynb") == "6 * 7 + 1"


@pytest.mark.fault
@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 1}'])
def test_a_spoiled_copy_is_left_alone(course, content):
    """A message says to rename a copy that is not a notebook."""
    copy_notebooks(*course)
    (course[1] / "first.ipynb").write_text(content)
    (said,) = copy_notebooks(*course)
    assert "cannot be read" in said
    assert (course[1] / "first.ipynb").read_text() == content


def test_elsewhere_than_in_the_project_it_says_where_to_be(tmp_path):
    with pytest.raises(ValueError, match=r"no notebooks in .*project's folder"):
        copy_notebooks(tmp_path / "notebooks", tmp_path / "own")
