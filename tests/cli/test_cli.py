"""The line as a whole: its commands, their help, and mistakes."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from aslp_lib import __version__
from aslp_lib.cli import COMMANDS, PROGRAM, load, main, parse
from aslp_lib.config import PRESETS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_examples_that_call_it(elsewhere, aslp, name):
    text = aslp(f"{name} --help")
    assert f"usage: {PROGRAM} {name}" in text
    examples = re.findall(rf"^  {PROGRAM} (.+?)(?:   .*)?$", text, re.M)
    assert {type(parse(shlex.split(line))) for line in examples} == {load(name)}


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("--version", rf"^aslp_lib {__version__}\n$"),
        ("--help", r"score\s+Score and compare"),
        ("run --help-verbose", "Number of passes over the training set"),
        (
            "--preset paper --help",
            rf"--learning-rate FLOAT \(default: {PRESETS['paper'].learning_rate}\)",
        ),
    ],
)
def test_help_and_version(elsewhere, aslp, line, shown):
    assert re.search(shown, aslp(line))


@pytest.mark.fault
@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("--data nowhere", 1, "no folder nowhere"),
        ("evaluate nowhere", 1, "nowhere is not a run"),
        ("predict", 1, "the arguments of predict do not match; expected"),
        ("predict --official x --out maps", 1, "there is no file x"),
        ("score --maps x --masks y --num-workers 0", 1, "num_workers is 0;"),
        ("textures --dtd nowhere", 1, "download DTD"),
        ("--num-workers -3", 1, "num_workers is -3; expected an integer of at least 0"),
        ("--preset huge", 1, "--preset is 'huge'; expected one of demo, nuclei"),
        ("--preset", 2, "--preset"),
        ("evaluate run --preset paper", 2, "--preset"),
        ("--aslp.technique XX", 2, "technique is 'XX'"),
        ("--colour red", 2, "--colour"),
        ("trainn", 2, "assignments. Did you mean train?"),
        ("evaluate run --weightedf", 2, "Perhaps you meant: --weighted-f"),
        ("--methods bce aslp", 1, "Did you mean aslp_mc or aslp_me or aslp_gap?"),
        ("--methods 'ASLP (ME)'", 1, "early_stopping. Did you mean aslp_me?"),
        ("score --maps x --masks y --scores eec", 1, "Did you mean ece?"),
        ("evaluate", 2, "RUN"),
        ("score --maps x", 2, "--masks"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_made(elsewhere, aslp, line, status, message):
    error = aslp(line, status=status)
    assert message in " ".join(error.replace("│", " ").split())  # as tyro wraps it in its box
    assert status == 2 or len(error.splitlines()) == 1
    assert "dummy" not in error
    assert not list(elsewhere.iterdir())


def test_only_the_main_process_of_a_launch_prints(elsewhere, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    for words in (["--help"], ["textures", "--help"]):
        with pytest.raises(SystemExit):
            main(words)
    for words in (["evaluate", "nowhere"], ["textures", "--dtd", "nowhere"]):
        assert main(words) == 0  # the main one does it
    assert capsys.readouterr() == ("", "")


INTERRUPTED = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell's background job ignores
os.kill(os.getpid(), signal.SIGINT)
time.sleep(60)
"""
SCRIPT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["aslp"]
INSTALLED = "from {0} import {1}; raise SystemExit({1}())".format(*SCRIPT.split(":"))


def started(script, elsewhere, **options):
    """A script of the project, run from another folder."""
    (elsewhere / "aslp").write_text(INSTALLED)
    command = [sys.executable, *script]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "name"),
    [
        ([ROOT / "main_ASLP.py"], "python main_ASLP.py"),
        ([ROOT / "Dataset" / "Process_Texture_Dataset.py"], "Process_Texture_Dataset.py"),
        (["-m", "aslp_lib"], "python -m aslp_lib"),
        (["aslp"], "aslp"),
    ],
    ids=str,
)
def test_the_scripts_start_from_any_folder_and_know_their_names(elsewhere, script, name):
    """Without words, the authors' script trains and the others print their help."""
    words = [] if name == "Process_Texture_Dataset.py" else ["textures"]  # it imports no torch
    result = started([*script, *words, "--help"], elsewhere)
    assert result.returncode == 0, result.stderr
    assert re.match(" ".join([rf"usage: \S*{name}", *words, r"\["]), result.stdout)
    (elsewhere / "Dataset" / "Train" / "mine" / "Image").mkdir(parents=True)
    if name == "python main_ASLP.py":
        assert "no folder Dataset/Train/mine/GT" in started(script, elsewhere).stderr
    elif name == "aslp":
        assert started(script, elsewhere).stdout.startswith("usage: aslp [-h] {run,train,")


@pytest.mark.fault
@pytest.mark.parametrize("script", [[ROOT / "main_ASLP.py"], ["aslp"]], ids=str)
def test_the_line_may_be_stopped_while_it_is_imported(elsewhere, script):
    """Ctrl-C gives one line and the status 130."""
    (elsewhere / "torch.py").write_text(INTERRUPTED)  # as who presses Ctrl-C in that very moment
    path = os.pathsep.join([str(elsewhere), str(ROOT)])
    result = started(script, elsewhere, env={**os.environ, "PYTHONPATH": path})
    assert (result.returncode, result.stderr) == (130, "\nstopped\n")
