"""What a class is given: all that the course needs, and no solutions."""

import subprocess
from pathlib import Path
from zipfile import ZipFile

import nbformat
import pytest
from nbformat.v4 import new_notebook
from notebook_files import NOTEBOOKS, ROOT, cells

from aslp_lib.course.publishing import student

ARCHIVE = Path("class.zip")


def packed() -> set[str]:
    student.pack(ARCHIVE)
    return set(ZipFile(ARCHIVE).namelist())


def test_it_holds_the_library_and_the_course_without_outputs_and_solutions(elsewhere):
    for folder in ("source", "release"):
        path = Path("grading", folder, "sc_bce", "sc_bce.ipynb")
        path.parent.mkdir(parents=True)
        nbformat.write(new_notebook(metadata={"folder": folder}), path)
    packed()
    unpacked = elsewhere / "empty"
    with ZipFile(ARCHIVE) as archive:
        archive.extractall(unpacked)
    course = {path.name for path in NOTEBOOKS}
    assert {path.name for path in (unpacked / "notebooks").iterdir()} == course | {"assignments"}
    (released,) = (unpacked / "notebooks/assignments").iterdir()
    assert released.name == "sc_bce.ipynb"
    assert nbformat.read(released, 4).metadata.folder == "release"
    for path in unpacked.rglob("*.ipynb"):
        for cell in cells(path):
            assert not cell.outputs and "Solutions: " not in cell.source
    assert not {path.name for path in unpacked.iterdir()} & {"tests", "build", "runs", ".git"}
    command = ["git", "ls-files", "aslp_lib", "benchmarks/results", "environment.yml", "Makefile"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split()
    for name in listed:  # none where this is no clone
        assert (unpacked / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.fault
def test_only_what_git_tracks_is_packed(elsewhere, monkeypatch, capsys):
    """And all files where nobody tracks any, which is said."""
    names = ("docs/one.md", "docs/exam_key.md")
    for name in names:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    monkeypatch.setattr(student, "ROOT", elsewhere)
    monkeypatch.setattr(student, "_files", lambda: ((name, Path(name)) for name in names))
    assert packed() == {"START.md", *names}
    assert "not a git checkout, so files of your own are packed too" in capsys.readouterr().err
    subprocess.run(["git", "init", "--quiet"], check=True)
    subprocess.run(["git", "add", "docs/one.md"], check=True)
    assert packed() == {"START.md", "docs/one.md"}
    assert capsys.readouterr().err == ""
    Path(".git/index").write_text("broken")
    with pytest.raises(RuntimeError, match="git cannot list the files"):
        packed()
