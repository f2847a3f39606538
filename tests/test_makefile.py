"""What `make` calls, by an interpreter that only writes down its arguments."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="GNU make is not installed")


@pytest.fixture
def make(tmp_path):
    """Run `make` with an interpreter in a folder whose name has spaces and quotation marks."""
    python, calls = tmp_path / "a `quoted' name" / "python", tmp_path / "calls"
    python.parent.mkdir()
    python.write_text(
        f'#!/bin/sh\necho "$*" >> "{calls}"\ncase "$*" in *"${{FAILS:-nothing}}"*) exit 1;; esac\n'
    )
    python.chmod(0o755)
    # The variables by which a `make` that runs the tests talks to those that it starts.
    outer = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}

    def run(*words, **variables):
        calls.write_text("")
        result = subprocess.run(
            ["make", "-C", str(ROOT), f"PYTHON={python}", *words],
            env=outer | variables,
            capture_output=True,
            text=True,
        )
        return result, calls.read_text().splitlines()

    return run


def test_every_target_takes_an_interpreter_whose_path_has_spaces_and_quotation_marks(make):
    targets = set(re.findall(r"^([\w-]+):.*##", MAKEFILE, re.M))
    for target in targets - {"test-lowest", "test-newest"}:  # these make interpreters
        result, calls = make(target)
        assert result.returncode == 0, result.stderr
        assert calls, target


@pytest.mark.parametrize(
    ("fails", "named"),
    [("--ignore=tests/browser", "units"), ("--nbval", "notebooks"), ("pytest", "units notebooks")],
)
def test_both_stages_run_and_those_that_failed_are_named(make, fails, named):
    result, calls = make("test", FAILS=fails)
    assert [" --nbval " in call for call in calls] == [False, True]
    assert result.returncode != 0
    assert f"make test: these failed: {named}\n" in result.stderr


@pytest.mark.fault
@pytest.mark.parametrize(
    ("target", "name", "arrives"),
    [
        ("test-notebooks", "NOTEBOOKS", "--nbval {} --timeout"),
        ("test-units", "PROCESSES", "-n {} --dist"),
        ("quick", "PROCESSES", "-n {} --dist"),
        ("slides", "NPM", "reveal_url_prefix={}/reveal.js "),
        ("test-lowest", "LOWEST_PYTHON", "--python {} .venv"),
        ("test-newest", "NEWEST_PYTHON", "--python {} .venv"),
    ],
)
def test_a_value_is_passed_on_and_never_run_as_a_command(make, tmp_path, target, name, arrives):
    ran = tmp_path / "ran"
    for value in (f"it's;>{ran};#", f"`>{ran}`", f'"$$(>{ran})"'):  # `make` reads $$ as $
        _, calls = make(target, f"UV={tmp_path}/a `quoted' name/python", f"{name}={value}")
        assert any(arrives.format(value.replace("$$", "$")) in call for call in calls)
        assert not ran.exists()


def test_several_notebooks_may_be_named_also_by_a_pattern(make):
    _, (call,) = make("test-notebooks", "NOTEBOOKS=notebooks/0[34]_*.ipynb missing.ipynb")
    named = "notebooks/03_label_perturbation.ipynb notebooks/04_sc_bce.ipynb missing.ipynb"
    assert f" --nbval {named} --timeout" in call
