"""What a class is given: all that the course needs, and no solutions."""

import json
import re
import runpy
import subprocess
from pathlib import Path
from zipfile import ZipFile

import nbformat
import pytest
from nbformat.v4 import new_notebook

from aslp_lib.course.publishing import student

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The project's folder, but for what is made in it."""
    for path in ROOT.iterdir():
        if path.name not in ("build", "grading", ".git"):
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_holds_the_library_and_the_course_without_outputs_and_solutions(project):
    for folder in ("source", "release"):
        path = project / "grading" / folder / "sc_bce" / "sc_bce.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(new_notebook(metadata={"folder": folder}), path)
    student.main()
    unpacked = project / "empty"
    with ZipFile(student.ZIP) as archive:
        archive.extractall(unpacked)
    course = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in (unpacked / "notebooks").iterdir()} == course | {"assignments"}
    (released,) = (unpacked / "notebooks/assignments").iterdir()
    assert released.name == "sc_bce.ipynb"
    assert nbformat.read(released, 4).metadata.folder == "release"
    for path in unpacked.rglob("*.ipynb"):
        text = path.read_text()
        assert not any(cell.get("outputs") for cell in json.loads(text)["cells"])
        assert "Solutions: " not in text
    assert not {path.name for path in unpacked.iterdir()} & {"tests", "build", "runs", ".git"}
    command = ["git", "ls-files", "aslp_lib", "benchmarks/results", "environment.yml", "Makefile"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split()
    for name in listed:  # none where this is no clone
        assert (unpacked / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.fault
def test_only_what_git_tracks_is_packed(tmp_path, monkeypatch, capsys):
    """And all files where nobody tracks any, which is said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(student, "INCLUDED", ("docs/*.md",))
    notebook = nbformat.writes(new_notebook())
    for name in ("docs/one.md", "docs/exam_key.md", "notebooks/one.ipynb", "notebooks/exam.ipynb"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(notebook)

    def packed() -> set[str]:
        student.main()
        return set(ZipFile(student.ZIP).namelist())

    exam = {"docs/exam_key.md", "notebooks/exam.ipynb"}
    assert packed() == {"START.md", "docs/one.md", "notebooks/one.ipynb"} | exam
    assert "not a git checkout, so files of your own are packed too" in capsys.readouterr().err
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "docs/one.md", "notebooks/one.ipynb"], check=True)
    assert packed() == {"START.md", "docs/one.md", "notebooks/one.ipynb"}
    assert capsys.readouterr().err == ""
    Path(".git/index").write_text("broken")
    with pytest.raises(RuntimeError, match="git cannot list the files"):
        packed()


@pytest.mark.fault
@pytest.mark.parametrize(
    ("file", "made"),
    [
        ("publishing/student.py", "build"),
        ("publishing/assignments.py", "grading"),
        ("publishing/copies.py", "my-notebooks"),
    ],
)
def test_what_cannot_be_made_is_told_in_a_line(project, capsys, file, made):
    """The project's folder is read-only."""
    (project / made).unlink(missing_ok=True)
    (project / made).touch()  # where a folder should be, as nothing keeps root from writing
    with pytest.raises(SystemExit, match="1"):
        runpy.run_path(str(ROOT / "aslp_lib" / "course" / file), run_name="__main__")
    assert re.fullmatch(r"(note: .*\n)?error: .*could not write .*\n", capsys.readouterr().err)


@pytest.mark.fault
def test_elsewhere_it_says_where_to_be(elsewhere):
    with pytest.raises(ValueError, match=r"no CITATION\.cff in .*project's folder"):
        student.main()
    assert not list(elsewhere.iterdir())
