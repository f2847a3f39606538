"""The line as a whole: its commands, their help, and mistakes."""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest

from aslp_lib import __version__
from aslp_lib.cli import COMMANDS, PROGRAM, load, parse
from aslp_lib.cli.command import Command
from aslp_lib.config import PRESETS

ROOT = Path(__file__).parents[2]
SETTINGS = ("run", "train", "compare")
"""Commands with the settings of a run, whose help is short unless it is verbose."""


def flags(kind, prefix="--"):
    """What a command's help must name: each field's flag, also those of groups of fields."""
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        hint = hints[field.name]
        given = [note.name for note in get_args(hint)[1:] if getattr(note, "name", None)]
        name = (given or [field.name.replace("_", "-")])[0]
        if is_dataclass(group := get_args(hint)[0] if get_args(hint) else hint):
            inner = "--" if get_origin(hint) is Annotated else f"{prefix}{name}."
            yield from flags(group, inner)
        else:
            yield field.name.upper() if "Positional" in str(hint) else prefix + name


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_examples_and_all_flags(elsewhere, capsys, status, name):
    assert status([name, "--help-verbose" if name in SETTINGS else "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: {PROGRAM} {name}" in text
    for flag in flags(load(name)):
        assert re.search(rf"[\[ ]{flag}\b", text), flag
    assert status([name, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    examples = filter(str.strip, lines[lines.index("Examples:") + 1 :][:2])
    for line in examples:
        words, *_ = line.removeprefix(f"  {PROGRAM} ").split("   ")
        assert type(parse(words.split())) is load(name)


def test_help_shows_the_defaults_of_a_preset(elsewhere, capsys, status):
    assert status(["--preset", "paper", "--help"]) == 0
    text = capsys.readouterr().out
    assert f"--learning-rate FLOAT (default: {PRESETS['paper'].learning_rate})" in text


def test_the_version_and_the_help_of_all_commands(elsewhere, capsys, status):
    assert status(["--version"]) == 0
    assert capsys.readouterr().out == f"aslp_lib {__version__}\n"
    assert status(["--help"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"score\s+Score and compare", text) and "Examples:" not in text[300:]


def test_a_command_is_a_class_and_a_line(elsewhere, capsys, status, monkeypatch):
    @dataclass(frozen=True)
    class Greet(Command):
        """Say hello."""

        name: str
        """Whom to greet."""

        def __call__(self) -> None:
            print(f"hello {self.name}")

    monkeypatch.setitem(sys.modules, "aslp_lib.cli.greet", SimpleNamespace(Greet=Greet))
    monkeypatch.setitem(COMMANDS, "greet", "greet:Greet")
    for words, shown in (
        (["greet", "--name", "you"], "hello you\n"),
        (["--help"], r"greet\s+Say hello"),
        (["greet", "--help"], "Whom to greet"),
    ):
        assert status(words) == 0
        assert re.search(shown, capsys.readouterr().out)


def test_without_a_command_it_is_run(elsewhere):
    command = parse(["--epochs=3"])
    assert type(command) is load("run")
    assert command.settings.epochs == 3


@pytest.mark.fault
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "nowhere"], 1, "no folder nowhere"),
        (["evaluate", "nowhere"], 1, "nowhere is not a run"),
        (["predict"], 1, "the arguments of predict do not match; expected"),
        (["predict", "--official", "x", "--out", "maps"], 1, "there is no file x"),
        (["score", "--maps", "x", "--masks", "y", "--num-workers", "0"], 1, "num_workers is 0;"),
        (["textures", "--dtd", "nowhere"], 1, "download DTD"),
        (["--num-workers", "-3"], 1, "num_workers is -3; expected 0 or more"),
        (["--preset", "huge"], 1, "--preset is 'huge'; expected one of demo, nuclei"),
        (["--preset"], 2, "--preset"),
        (["evaluate", "run", "--preset", "paper"], 2, "--preset"),
        (["--aslp.technique", "XX"], 2, "technique is 'XX'"),
        (["--colour", "red"], 2, "--colour"),
        (["trainn"], 2, "assignments. Did you mean train?"),
        (["evaluate", "run", "--weightedf"], 2, "Perhaps you meant: --weighted-f"),
        (["--methods", "bce", "aslp"], 1, "Did you mean aslp_mc or aslp_me or aslp_gap?"),
        (["--methods", "ASLP (ME)"], 1, "early_stopping. Did you mean aslp_me?"),
        (["score", "--maps", "x", "--masks", "y", "--scores", "eec"], 1, "Did you mean ece?"),
        (["evaluate"], 2, "RUN"),
        (["score", "--maps", "x"], 2, "--masks"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_made(
    elsewhere, capsys, status, arguments, code, message
):
    assert status(arguments) == code
    error = capsys.readouterr().err
    assert message in " ".join(error.replace("│", " ").split())  # as tyro wraps it in its box
    assert code == 2 or len(error.splitlines()) == 1
    assert "dummy" not in error
    assert not list(elsewhere.iterdir())


def test_only_the_main_process_of_a_launch_prints(elsewhere, capsys, status, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert status(["--help"]) == 0
    for arguments in (["evaluate", "nowhere"], ["textures", "--dtd", "nowhere"]):
        assert status(arguments) == 0  # the main one does it
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
