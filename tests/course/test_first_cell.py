"""The first cell of every notebook says how to get the library where the kernel lacks it."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from notebook_files import ROOT, cells

WITHOUT = ("aslp", "__editable__")
"""Beginnings of the names of what an installation of the library leaves."""
FIRST_CELLS = {cells(path, "code")[0].source for path in (ROOT / "notebooks").rglob("*.ipynb")}
SOURCE = min(FIRST_CELLS)


@pytest.fixture
def kernel(tmp_path):
    """Function that runs code in a Python that has every package but the library."""
    venv, packages = tmp_path / "venv", tmp_path / "packages"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    packages.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith(WITHOUT):
            (packages / path.name).symlink_to(path)

    def run(code: str, **variables: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(packages), **variables}
        options = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True}
        done = subprocess.run([venv / "bin/python", "-c", code], **options)
        assert done.returncode == 0, done.stderr
        return done.stdout.replace(str(venv), "VENV")

    return run


def test_it_is_the_same_everywhere_and_silent_with_the_library(capsys):
    assert len(FIRST_CELLS) == 1
    exec(SOURCE, {})
    assert capsys.readouterr().out == ""


@pytest.mark.fault
def test_without_the_library_it_says_what_to_do(kernel):
    assert kernel(SOURCE, ASLP_SOURCE="") == (
        "The Python of this kernel, VENV/bin/python, has no aslp_lib. Choose the kernel of an "
        "environment that has it (menu Kernel), or close this notebook and run `aslp course` "
        "there.\n"
        "Or set ASLP_SOURCE to the wheel or its address (%env ASLP_SOURCE=...), and run this cell "
        "again to install it.\n"
    )


@pytest.mark.slow
def test_it_installs_the_library_from_a_wheel(kernel, wheel):
    pytest.importorskip("pip")  # environments made by uv have none
    code = f"{SOURCE}\nimport aslp_lib\nprint(aslp_lib.__file__)"
    assert kernel(code, ASLP_SOURCE=str(wheel)).startswith("VENV/lib")
