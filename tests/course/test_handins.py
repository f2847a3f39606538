"""Hand-ins are read without running anything, whatever is in the folder."""

import json
import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from aslp_lib.course.exercises import EXERCISES, MODULES, sc_bce
from aslp_lib.course.grade import handins
from aslp_lib.course.grade.handins import read_folder
from aslp_lib.course.publishing.assignments import METADATA, assignment
from aslp_lib.course.publishing.solutions import solutions

FLOOR = EXERCISES["03/floor"]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "hand-ins"
    made.mkdir()
    return made


def hand_in(path, *code, **metadata):
    cells = [new_markdown_cell("# Mine"), *(new_code_cell(each) for each in code)]
    cells[-1].metadata |= metadata
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)


def checked(code, name="03/floor"):
    return f'{code}\nexercises.check("{name}", answer)'


def only(folder):
    (found,) = read_folder(folder)
    return found


def test_an_answer_is_the_cell_that_checks_it(folder):
    hand_in(folder / "ann.ipynb", "import math", "x = 1", checked("answer = math.e"), "answer = 2")
    found = only(folder)
    assert (found.student, found.problems) == ("ann.ipynb", [])
    cell = found.cells["03/floor"]
    assert (cell.file, cell.code) == ("ann.ipynb", checked("answer = math.e"))
    assert cell.before == ("import math",)
    assert found.cells.keys() == {"03/floor"}


def test_an_assignment_s_cell_is_known_without_its_check_and_wherever_it_stands(folder):
    notebook = assignment(sc_bce)
    for cell in notebook.cells:
        if cell.metadata.get(METADATA) == {"exercise": "03/floor"}:
            cell.source = "answer = 0.3251"
    notebook.cells = [new_code_cell("while True: pass"), *reversed(notebook.cells)]
    nbformat.write(notebook, folder / "ann.ipynb")
    (cell,) = only(folder).cells.values()
    assert cell.code == "answer = 0.3251"


def test_what_is_as_it_was_given_out_is_no_answer(folder):
    for module in MODULES:
        nbformat.write(assignment(module), folder / f"{module.NOTEBOOK}.ipynb")
    assert not any(each.cells for each in read_folder(folder))


def test_a_student_with_a_folder_answers_in_all_its_notebooks_and_the_last_answer_counts(folder):
    for module in MODULES:
        (folder / "ann").mkdir(exist_ok=True)
        nbformat.write(solutions(module), folder / "ann" / f"{module.NOTEBOOK}.ipynb")
    hand_in(folder / "ann" / "zz.ipynb", checked("answer = 1"), checked("answer = 2"), FLOOR.cell)
    found = only(folder)
    assert found.student == "ann"
    assert found.cells.keys() == EXERCISES.keys()
    assert found.cells["03/floor"].code == checked("answer = 2")
    assert found.cells["03/confidence"].file == "ann/03_sc_bce.ipynb"


def test_names_that_are_no_exercise_s_are_no_answers(folder):
    hand_in(folder / "a.ipynb", 'check("99/no", 1)', "x = 1", **{METADATA: {"exercise": ["03"]}})
    assert only(folder).cells == {}


def test_what_systems_put_beside_files_is_not_read(folder):
    (folder / "__MACOSX").mkdir()
    (folder / ".DS_Store").write_text("x")
    hand_in(folder / "ann" / "03.ipynb", checked("answer = 1"))
    hand_in(folder / "ann" / ".ipynb_checkpoints" / "03-old.ipynb", checked("answer = 9"))
    (folder / "ann" / "notes.txt").write_text("mine")
    found = only(folder)
    assert found.cells["03/floor"].code == checked("answer = 1")
    assert found.problems == []


CELL = {"cell_type": "code", "metadata": {}, "source": checked("answer = 1")}


@pytest.mark.fault("a hand-in that is no notebook", "it is named with what it is; others are read")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[" * 1_000_000, "no JSON"),
        (b"1" * 10_000, "no JSON"),
        (b"[]", "no notebook of format 4"),
        (b"null", "no notebook of format 4"),
        (b'{"cells": 1}', "no notebook of format 4"),
        (b'{"cells": [1]}', "no notebook of format 4"),
        (b'{"cells": [{"cell_type": "code", "source": 1}]}', "no notebook of format 4"),
        (json.dumps({"worksheets": [{"cells": [CELL]}]}).encode(), "no notebook of format 4"),
        (json.dumps({"cells": [CELL | {"metadata": 1}]}).encode(), "no notebook of format 4"),
    ],
)
def test_what_is_no_notebook_is_named(folder, content, said):
    (folder / "bob.ipynb").write_bytes(content)
    hand_in(folder / "ann.ipynb", checked("answer = 1"))
    ann, bob = read_folder(folder)
    assert ann.cells and not ann.problems
    assert not bob.cells
    (problem,) = bob.problems
    assert problem.startswith("bob.ipynb: ") and said in problem


@pytest.mark.fault("a hand-in that is a link, a pipe, huge, or empty", "not read; said why")
def test_links_pipes_and_huge_files_are_not_read(folder, tmp_path, monkeypatch):
    hand_in(tmp_path / "elsewhere" / "03.ipynb", checked("answer = 1"))
    (folder / "a.ipynb").symlink_to(tmp_path / "elsewhere" / "03.ipynb")
    (folder / "b").symlink_to(tmp_path / "elsewhere")
    (folder / "c").mkdir()
    (folder / "c" / "inner").symlink_to(tmp_path / "elsewhere")
    (folder / "c" / "03.ipynb").symlink_to("/dev/zero")
    os.mkfifo(folder / "d.ipynb")
    (folder / "e.ipynb").touch()
    os.truncate(folder / "e.ipynb", handins.MOST_BYTES + 1)  # a hole
    (folder / "f").mkdir()
    (folder / "g.pdf").write_bytes(b"%PDF")
    hand_in(folder / "h.ipynb", checked(f"answer = {'1' * handins.MOST_CODE}"))
    found = {each.student: each for each in read_folder(folder)}
    assert not any(each.cells for each in found.values())
    for student, words in {
        "a.ipynb": ["is a link"],
        "b": ["is a link"],
        "c": ["inner is a link", "c/03.ipynb: it is a link"],
        "d.ipynb": ["no file"],
        "e.ipynb": ["larger than 20 MB"],
        "f": ["no notebook in it"],
        "g.pdf": ["no notebook (.ipynb)"],
        "h.ipynb": ["more than 50,000 characters"],
    }.items():
        told = "; ".join(found.pop(student).problems)
        assert all(each in told for each in words), told
    assert not found


def test_imports_before_an_answer_are_kept_up_to_a_size(folder):
    many = ["import math"] * (handins.MOST_CODE // 10)
    hand_in(folder / "a.ipynb", "#import" + "x" * handins.MOST_CODE, *many, checked("answer = 1"))
    before = only(folder).cells["03/floor"].before
    assert set(before) == {"import math"}
    assert len("".join(before)) <= handins.MOST_CODE


@pytest.mark.fault("a folder of hand-ins that is missing or empty", "refused by name")
def test_a_folder_without_hand_ins_is_refused(folder):
    with pytest.raises(ValueError, match=r"there is nothing in .*hand-ins"):
        read_folder(folder)
    with pytest.raises(ValueError, match="nowhere is no folder"):
        read_folder(folder / "nowhere")
