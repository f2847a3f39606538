"""The line as a whole: its commands, their help, and mistakes."""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from aslp_lib import __version__, cli
from aslp_lib.cli import COMMANDS, PROGRAM, kind, main, parse
from aslp_lib.cli.base import Command
from aslp_lib.cli.help import EXAMPLES, SHORT
from aslp_lib.config import PRESETS, Settings
from aslp_lib.evaluation.tables import PaperOptions
from aslp_lib.maps.count import FileOptions, ReadOptions

ROOT = Path(__file__).parents[2]
GROUPS = {
    "settings": Settings,
    "reading": ReadOptions,
    "files": FileOptions,
    "paper": PaperOptions,
}
"""Fields whose own fields are flags."""


def flags(kind):
    """What a command's help must name: each field's flag, and each setting's."""
    for field in fields(kind):
        if group := GROUPS.get(field.name):
            names = [f.name for f in fields(group)]
            plain = [name for name in names if not is_dataclass(getattr(group(), name))]
            yield from ("--" + name.replace("_", "-") for name in plain)
        else:
            positional = "Positional" in str(field.type)
            yield field.name.upper() if positional else "--" + field.name.replace("_", "-")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_s_help_documents_all_its_flags(elsewhere, capsys, status, name):
    assert status([name, "--help-all" if name in SHORT else "--help"]) == 0
    lines = capsys.readouterr().out
    assert f"usage: {PROGRAM} {name}" in lines
    for flag in flags(kind(name)):
        assert re.search(rf"[\[ ]{flag}\b", lines), flag


@pytest.mark.parametrize("preset", PRESETS)
def test_help_shows_the_defaults_of_a_preset(elsewhere, capsys, status, preset):
    assert status(["--preset", preset, "--help"]) == 0
    assert re.search(
        rf"--epochs +[^(]+\(default: {PRESETS[preset].epochs}\)", capsys.readouterr().out
    )
    assert status(["--preset", preset, "--help-all"]) == 0
    rate = PRESETS[preset].learning_rate
    assert re.search(rf"--learning-rate FLOAT[^-]+default:\W+{rate}\)", capsys.readouterr().out)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_s_help_is_short_and_begins_with_two_examples(elsewhere, capsys, status, name):
    assert status([name, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 60
    start = lines.index("Examples:")
    for words, line in zip(EXAMPLES[name], lines[start + 1 :], strict=False):
        assert line == f"  {PROGRAM} {name} {words}"
        command, *_ = words.split("   ")
        assert type(parse([name, *command.split()])) is kind(name)
    assert len(EXAMPLES[name]) == 2


@pytest.mark.parametrize("name", SHORT)
def test_a_short_help_has_its_flags_with_the_first_sentence_of_their_docs(capsys, status, name):
    preset = [] if name in ("predict", "score") else ["--preset", "small"]
    assert status([name, *preset, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for flag in {*SHORT[name]} - {"run"}:
        assert re.search(rf" --{flag.replace('_', '-')} [A-Z].+?\((default: |required\))", text), (
            flag
        )
    size = "--size Side of the network's square input, in pixels (default: 128)"
    assert (size in text) == bool(preset)


def test_the_version_and_a_line_without_a_command(elsewhere, capsys, status, monkeypatch):
    assert status(["--version"]) == 0
    assert capsys.readouterr().out == f"aslp_lib {__version__}\n"
    monkeypatch.setattr(cli, "BARE", "--help")  # of aslp
    assert status([]) == 0
    assert re.search(r"score\s+Score and compare", capsys.readouterr().out)
    assert not list(elsewhere.iterdir())
    monkeypatch.setattr(cli, "BARE", "run")  # of main_ASLP.py
    assert parse([]) == parse(["run"])


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
    assert status(["greet", "--name", "you"]) == 0
    assert capsys.readouterr().out == "hello you\n"
    assert status(["--help"]) == 0
    assert re.search(r"greet\s+Say hello", capsys.readouterr().out)
    assert status(["greet", "--help"]) == 0
    assert "Whom to greet" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["run", "--epochs", "3"], ["--epochs", "3"], ["--epochs=3"]])
def test_without_a_command_it_is_run(elsewhere, words):
    command = parse(words)
    assert type(command) is kind("run")
    assert command.settings.epochs == 3


@pytest.mark.fault
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "nowhere"], 1, "no folder nowhere"),
        (["--resume", "nowhere"], 1, "nowhere is not a run"),
        (["evaluate", "nowhere"], 1, "nowhere is not a run"),
        (["predict"], 1, "the arguments of predict do not match; expected"),
        (["predict", "run", "--size", "32"], 1, "the arguments of predict do not match; expected"),
        (["predict", "--official", "x"], 1, "the arguments of predict do not match; expected"),
        (["predict", "--official", "x", "--out", "maps"], 1, "there is no file x"),
        (["score", "--maps", "x", "--masks", "y"], 1, "no folder y"),
        (["score", "--maps", "x", "--masks", "y", "--num-workers", "0"], 1, "num_workers is 0;"),
        (["check-data", "nowhere"], 1, "no folder nowhere"),
        (["textures", "--dtd", "nowhere"], 1, "download DTD"),
        (["--num-workers", "-3"], 1, "num_workers is -3; expected 0 or more, or None"),
        (["--preset", "huge"], 1, "--preset is 'huge'; expected one of demo, nuclei"),
        (["--preset", "papr"], 1, "Did you mean paper?"),
        (["--preset"], 2, "--preset"),
        (["evaluate", "run", "--preset", "paper"], 2, "--preset"),
        (["--aslp.technique", "XX"], 2, "technique is 'XX'"),
        (["--epochs", "many"], 2, "--epochs"),
        (["--colour", "red"], 2, "--colour"),
        (["destroy"], 1, "the command is 'destroy'; expected one of run, train, predict"),
        (["trainn"], 1, "check-data. Did you mean train?"),
        (["--methods", "bce", "ASLP"], 1, "early_stopping. Did you mean calibration?"),
        (["--recalibrate", "temperature"], 1, "Did you mean temperature_scaling?"),
        (["recalibrate", "--kind", "isotnic"], 1, "Did you mean isotonic?"),
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
    words = [] if name == "Process_Texture_Dataset.py" else ["textures"]  # it imports no torch
    result = started([*script, *words, "--help"], elsewhere)
    assert result.returncode == 0, result.stderr
    assert re.match(" ".join([rf"usage: \S*{name}", *words, r"\["]), result.stdout)
    assert name == "python main_ASLP.py" or "main_ASLP.py" not in result.stdout


@pytest.mark.fault
@pytest.mark.parametrize("script", [[ROOT / "main_ASLP.py"], ["-m", "aslp_lib"], ["aslp"]], ids=str)
def test_the_line_may_be_stopped_while_it_is_imported(elsewhere, script):
    """Ctrl-C gives one line and the status 130."""
    (elsewhere / "torch.py").write_text(INTERRUPTED)  # as who presses Ctrl-C in that very moment
    path = os.pathsep.join([str(elsewhere), str(ROOT)])
    result = started(script, elsewhere, env={**os.environ, "PYTHONPATH": path})
    assert (result.returncode, result.stderr) == (130, "\nstopped\n")


def test_textures_from_the_command_line(elsewhere, capsys):
    folder = elsewhere / "dtd" / "images" / "banded"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((5, 6, 3), np.uint8)).save(folder / "banded_0001.jpg")
    Path("names.txt").write_text("banded_0001.jpg\n")
    arguments = ["--dtd", "dtd", "--names", "names.txt", "--target", "Test/T"]
    assert main(["textures", *arguments]) == 0
    assert "1 textures in Test/T" in capsys.readouterr().out
