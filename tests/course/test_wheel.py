"""The wheel is the course: built from the sdist, it runs in an empty folder, without the clone."""

import os
import re
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest
from notebook_files import NOTEBOOKS, ROOT, cells

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def run(wheel, tmp_path_factory):
    """Function that runs Python in an empty folder, with what the wheel installs."""
    site, folder = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("empty")
    with ZipFile(wheel) as archive:
        archive.extractall(site)

    def python(*words: object) -> str:
        environment = os.environ | {"PYTHONPATH": str(site)}
        command = [sys.executable, *map(str, words)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    python.folder = folder
    return python


def test_it_holds_the_package_the_course_and_the_licences(wheel):
    """Such as the data set nuclei, the shipped weights and their model card."""
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    files = (path for path in (ROOT / "aslp_lib").rglob("*") if path.is_file())
    package = {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}
    packed = {name for name in names if name.startswith("aslp_lib/course/material/")}
    assert {name for name in names if name.startswith("aslp_lib/")} - packed == package
    licences = {Path(name).name for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "LICENSE-data", "LICENSE-text"}


def test_it_is_small_and_its_description_has_no_links_to_the_clone(wheel):
    assert wheel.stat().st_size <= 20e6
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        text = message_from_bytes(archive.read(name)).get_payload()
    assert set(re.findall(r"\]\((\w+:?)", text)) == {"https:"}


def test_the_course_is_copied_from_it(run):
    assert run("-m", "aslp_lib", "check").endswith("ready\n")
    told = run("-m", "aslp_lib", "course", "here", "--no-open")
    names = {path.name for path in NOTEBOOKS}
    assert {path.name for path in (run.folder / "here/notebooks").glob("*.ipynb")} == names
    assert told.count(": new\n") == len(names) + 1  # and the solutions
    for name in ("docs/glossary.md", "docs/nuclei.png", "examples/aslp.py", "LICENSE-text"):
        assert (run.folder / "here" / name).read_bytes() == (ROOT / name).read_bytes()
    for path in (run.folder / "here").rglob("*.ipynb"):
        assert not any(cell.outputs for cell in cells(path))


def test_lessons_read_their_records_from_it(run):
    code = (
        "from aslp_lib.course import material, recorded\n"
        "assert recorded.RESULTS.is_relative_to(material.PACKED)\n"
        "print(len(recorded.read_results('comparison_shapes')))"
    )
    assert int(run("-c", code)) > 100


def test_what_teachers_make_from_it(run):
    assert run("-m", "aslp_lib", "student", "class.zip") == "class.zip\n"
    with ZipFile(run.folder / "class.zip") as archive:
        names = set(archive.namelist())
    assert {"START.md", "Makefile", "setup.py", "aslp_lib/__init__.py"} <= names
    assert not any("solutions/" in name or "course/material/" in name for name in names)
    assert run("-m", "aslp_lib", "assignments") == "grading\n"
    assert len(list((run.folder / "grading/source").iterdir())) >= 10
