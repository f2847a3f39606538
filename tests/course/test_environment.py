"""Is this machine ready: what is not fine is named with what to do, and only what the course needs
decides over the exit status."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest

import aslp_lib
from aslp_lib.course.publishing import environment

PACKAGE = Path(aslp_lib.__file__).parent


def installed(folder, name, version, *lines):
    """What pip leaves of an installed package, enough to be asked for its version."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    (info / "METADATA").write_text("\n".join([*head, *lines]) + "\n")


def asking(folder, *lines):
    """Of aslp-lib itself, with these lines."""
    installed(folder, "aslp_lib", "0.2", "Requires-Python: >=3.11", *lines)


def by_name(checks):
    return {check.what: check for check in checks}


def status(words, capsys):
    code = environment.main(words)
    return code, capsys.readouterr().out


def test_this_machine_is_ready_and_the_notebook_s_words_have_no_versions(elsewhere):
    words = environment.check_environment().splitlines()
    assert words[0] == f"Python {metadata.metadata('aslp-lib')['Requires-Python']}: ok"
    assert words[1:] == [
        f"{what}: ok"
        for what in (
            "packages",
            "torch and torchvision",
            "Jupyter's kernel python3",
            "leave to write here",
            "disk space",
        )
    ]


@pytest.mark.fault("a package is missing", "`make check` names it with the command that adds it")
def test_a_missing_package(tmp_path, monkeypatch, capsys):
    asking(tmp_path, "Requires-Dist: numpy", "Requires-Dist: no-such-thing<3,>=1.2")
    monkeypatch.syspath_prepend(tmp_path)
    code, said = status([], capsys)
    assert code == 1
    assert "NO  no-such-thing: missing. " in said
    assert "-m pip install 'no-such-thing<3,>=1.2'" in said
    assert "ok  packages: 1 as aslp-lib asks for" in said
    assert said.endswith("not ready: mend what the lines with NO name\n")


@pytest.mark.fault("a package is too old", "`make check` says which versions will do")
def test_a_package_that_is_too_old(tmp_path, monkeypatch, capsys):
    asking(tmp_path, "Requires-Dist: numpy<3,>=2")
    installed(tmp_path, "numpy", "1.26.4")
    monkeypatch.syspath_prepend(tmp_path)
    code, said = status([], capsys)
    assert code == 1
    assert "NO  numpy: 1.26.4 is installed, but <3,>=2 is needed. " in said


def test_packages_of_extras_and_other_systems_are_not_asked_for(tmp_path, monkeypatch):
    asking(
        tmp_path,
        "Requires-Dist: numpy",
        "Requires-Dist: no-such-thing; python_version < '3'",
        "Provides-Extra: course",
        "Requires-Dist: tqdm; extra == 'course'",
        "Provides-Extra: test",
        "Requires-Dist: no-such-thing; extra == 'test'",
    )
    monkeypatch.syspath_prepend(tmp_path)
    (packages,) = environment.packages()
    assert packages.fine and packages.found.startswith("2 ")
    extra = environment.extra_packages("test")
    assert not extra.fine and extra.found == "no-such-thing missing"
    assert "aslp-lib[test]" in extra.todo


def test_an_older_python(tmp_path, monkeypatch):
    installed(tmp_path, "aslp_lib", "9", "Requires-Python: >=3.99")
    monkeypatch.syspath_prepend(tmp_path)
    check = environment.python()
    assert not check.fine and check.what == "Python >=3.99"


def test_the_library_itself_is_not_installed(monkeypatch, capsys):
    def none(name):
        raise metadata.PackageNotFoundError(name)

    for what in ("metadata", "requires"):
        monkeypatch.setattr(environment.metadata, what, none)
    code, said = status([], capsys)
    assert code == 1
    assert "NO  aslp-lib: not installed. In the project's folder: " in said
    assert "pip install -e '.[course]'" in said


def test_a_torchvision_of_another_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    check = environment.imports()
    assert not check.fine and "torchvision" in check.found and "--force-reinstall" in check.todo


def test_no_chromium_and_no_make_are_said_and_do_not_matter(elsewhere, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(elsewhere))
    code, said = status([], capsys)
    assert code == 0
    assert "-   Chromium: not found. The browser tests are skipped" in said
    assert "-   GNU make: not found. " in said
    assert said.endswith("ready\n")


def test_another_make_is_not_gnu_s(tmp_path, monkeypatch):
    make = tmp_path / "make"
    make.write_text("#!/bin/sh\necho usage: make\n")
    make.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    check = environment.make()
    assert not check.fine and check.found == "usage: make"


@pytest.mark.fault("the disk is nearly full", "`make check` says so before a run does")
def test_a_full_disk(elsewhere, monkeypatch, capsys):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 10**8, 10**8))
    code, said = status([], capsys)
    assert code == 1
    assert f"NO  disk space: 0 GB free in {elsewhere}. " in said and "free 1 GB" in said


@pytest.mark.fault("a folder cannot be written to", "`make check` says so before a run does")
def test_a_folder_that_cannot_be_written_to(elsewhere, monkeypatch, capsys):
    def refuse(**options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(environment.tempfile, "TemporaryFile", refuse)
    code, said = status([], capsys)
    assert code == 1
    assert f"NO  leave to write here: none in {elsewhere} (Read-only file system). " in said


@pytest.mark.parametrize(
    ("argv", "fine"),
    [("python", True), (sys.executable, True), ("/other/bin/python", False), (None, False)],
)
def test_the_kernel_is_this_python(monkeypatch, argv, fine):
    specs = {"python3": {"spec": {"argv": [argv]}}} if argv else {}
    listed = subprocess.CompletedProcess([], 0, json.dumps({"kernelspecs": specs}), "")
    monkeypatch.setattr(environment.subprocess, "run", lambda *args, **options: listed)
    check = environment.kernel()
    assert check.fine == fine
    assert "-m ipykernel install --sys-prefix" in check.todo


def test_data_are_counted_and_what_they_lack_is_named(paper_root):
    check = environment.real_data(paper_root)
    assert not check.fine
    assert check.found.startswith("DUTS-TR 12, SOD 5, DTD_Texture_500 3; ")
    assert "SOD has 5 images, its authors' 300" in check.found
    assert f"check-data {paper_root}" in check.todo
    next((paper_root / "Test/SOD/GT").iterdir()).unlink()
    assert "1 images in" in environment.real_data(paper_root).found


def test_data_are_looked_for_here_or_beside_or_where_they_are_said_to_be(
    elsewhere, paper_root, capsys
):
    assert "-   the paper's data: DUTS-TR 12" in status([], capsys)[1]  # beside, as of notebooks
    moved = paper_root.rename(elsewhere / "real")
    code, said = status([], capsys)
    assert code == 0
    assert "-   the paper's data: not in Dataset. " in said
    assert "-   the paper's data: DUTS-TR 12" in status([str(moved)], capsys)[1]


def test_weights_in_torch_s_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    check = environment.pretrained_weights("paper")
    assert not check.fine and "put resnet50-0676ba61.pth there" in check.todo
    place = tmp_path / "hub" / "checkpoints"
    place.mkdir(parents=True)
    (place / "resnet50-0676ba61.pth").touch()
    assert environment.pretrained_weights("paper").fine


@pytest.mark.parametrize(
    ("home", "told"),
    [("/home/ann", "~/cache"), ("/home", "~/ann/cache"), ("/home/an", None), ("/", None)],
)
def test_a_place_at_home_is_told_without_the_home_s_name(monkeypatch, home, told):
    monkeypatch.setenv("HOME", home)  # "/" is that of a container without an account
    monkeypatch.setenv("TORCH_HOME", "/home/ann/cache")
    found = environment.pretrained_weights("paper").found
    assert found == f"not in {told or '/home/ann/cache'}/hub/checkpoints"


@pytest.mark.slow
@pytest.mark.fault(
    "the library is installed where nothing can be written, and used from another folder",
    "it is checked, and nothing is written there",
)
def test_a_read_only_install_from_another_folder(tmp_path, elsewhere):
    site = tmp_path / "site"
    shutil.copytree(PACKAGE, site / "aslp_lib", ignore=shutil.ignore_patterns("__pycache__"))
    requires = [f"Requires-Dist: {line}" for line in metadata.requires("aslp-lib")]
    asking(site, "Provides-Extra: course", *requires)
    paths = [site, *site.rglob("*")]
    for path in reversed(paths):
        path.chmod(0o555 if path.is_dir() else 0o444)
    result = subprocess.run(
        [sys.executable, "-m", "aslp_lib.course.publishing.environment"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    for path in paths:
        path.chmod(0o755)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"ok  leave to write here: in {elsewhere}" in result.stdout
    assert sorted(paths[1:]) == sorted(site.rglob("*"))
