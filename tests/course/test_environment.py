"""Problems of a machine are named with a remedy, and decide the exit status."""

import sys
from importlib import metadata

import pytest

from aslp_lib import cli
from aslp_lib.course.publishing import environment


def install(folder, name, version, *lines):
    """Write the metadata that pip leaves of an installed package."""
    head = "Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("\n".join([*head, *lines, ""]))


def test_this_machine_is_ready_and_the_notebook_prints_no_versions(elsewhere):
    python = metadata.metadata("aslp-lib")["Requires-Python"].removeprefix(">=")
    names = [f"Python {python} or newer", "packages", "torch and torchvision", "the course's files"]
    lines = [f"{name}: ok" for name in (*names, "writable folder")]
    assert environment.check_environment() == "\n".join(lines)
    assert cli.main(["check"]) == 0


@pytest.mark.fault
def test_packages_that_are_missing_or_too_old(tmp_path, monkeypatch, capsys):
    needed = "Requires-Dist: numpy<3,>=2", "Requires-Dist: no-such-thing>=1.2; extra == 'course'"
    system = "Requires-Dist: other-system; python_version < '3'"
    install(tmp_path, "aslp_lib", "9", *needed, system, "Requires-Dist: other-extra; extra == 'x'")
    install(tmp_path, "numpy", "1.26.4")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(environment, "PYTHON", (3, 99))
    assert cli.main(["check"]) == 1
    printed = capsys.readouterr().out
    assert "Python 3.99 or newer: this is" in printed
    assert "-m pip install 'numpy<3,>=2' 'no-such-thing>=1.2'" in printed
    assert "other-" not in printed


@pytest.mark.fault
def test_an_unusable_machine(tmp_path, monkeypatch, capsys):
    """The library is not installed, torchvision does not fit torch, or the folder is read-only."""

    def refuse(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(environment.metadata, "requires", refuse)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setattr(environment.Path, "cwd", lambda: tmp_path / "missing")
    assert cli.main(["check"]) == 1
    printed = capsys.readouterr().out
    for remedy in ("pip install -e '.[course]'", "--force-reinstall", "a folder of your own"):
        assert remedy in printed
