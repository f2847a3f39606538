"""The line as a whole: its commands, their help, old spellings, and mistakes."""

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

from aslp_lib.cli import ALIASES, COMMANDS, PROGRAM, kind, main, parse
from aslp_lib.cli.base import Command
from aslp_lib.config import PRESETS, Settings

ROOT = Path(__file__).parents[2]


def flags(kind):
    """What a command's help must name: each field's flag, and each setting's."""
    for field in fields(kind):
        if field.name == "settings":
            names = [f.name for f in fields(Settings)]
            plain = [name for name in names if not is_dataclass(getattr(Settings(), name))]
            yield from ("--" + name.replace("_", "-") for name in plain)
        else:
            positional = "Positional" in str(field.type)
            yield field.name.upper() if positional else "--" + field.name.replace("_", "-")


def test_help_lists_the_commands(elsewhere, capsys, status):
    assert status(["--help"]) == 0
    lines = capsys.readouterr().out
    for name in COMMANDS:
        first_words = " ".join(kind(name).__doc__.split()[:3])
        assert re.search(rf"{name}\s+{first_words}", lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_s_help_documents_all_its_flags(elsewhere, capsys, status, name):
    assert status([name, "--help"]) == 0
    lines = capsys.readouterr().out
    assert f"usage: {PROGRAM} {name}" in lines
    for flag in flags(kind(name)):
        assert re.search(rf"[\[ ]{flag}\b", lines), flag


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("words", ["run --help --preset {}", "--preset {} --help"])
def test_help_shows_the_defaults_of_a_preset(elsewhere, capsys, status, preset, words):
    assert status(words.format(preset).split()) == 0
    rate = PRESETS[preset].learning_rate
    assert re.search(rf"--learning-rate FLOAT\W+default: {rate}\)", capsys.readouterr().out)


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
    assert parse([]) == parse(["run"])


def test_aliases_name_commands(elsewhere):
    assert parse(["test", "somewhere"]) == parse(["predict", "somewhere"])
    assert set(ALIASES.values()) <= COMMANDS.keys()
    assert not ALIASES.keys() & COMMANDS.keys()


@pytest.mark.parametrize(
    ("arguments", "now"),
    [
        (["--encoder-rate", "0.1"], "--encoder-lr-factor"),
        (["--accumulate", "2"], "--accumulation-steps"),
        (["train", "--preset", "small", "--clip=1"], "--max-grad-norm"),
        (["--step", "0.1"], "--aslp.alpha-step-size"),
        (["--weight", "200"], "--aslp.constraint-weight"),
        (["--gain", "0.2"], "--aslp.bound-gain"),
        (["--technique", "HI"], "--aslp.technique"),
        (["--expected"], "--aslp.use-expected-targets"),
        (["--no-expected"], "--aslp.no-use-expected-targets"),
        (["--hold", "--preset", "paper"], "--cache-images"),
        (["--no-hold"], "--no-cache-images"),
        (["--workers", "4"], "--num-workers"),
        (["--methods", "bce", "gap"], "--methods measured_gap"),
        (["evaluate", "--maps", "a", "--masks", "b"], "score --maps"),
        (["evaluate", "--masks", "b", "--maps", "a"], "score --masks"),
    ],
)
def test_an_old_spelling_says_what_it_is_called_now(elsewhere, capsys, arguments, now):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(rf"error: --\S+( gap)? is called {re.escape(now)} now\n", error)
    assert not (elsewhere / "runs").exists()


def test_flags_that_only_begin_like_an_old_one_are_read(elsewhere):
    command = parse(["--weights", "None", "--methods", "measured_gap"])
    assert command.settings.weights is None
    assert command.settings.methods == ("measured_gap",)


@pytest.mark.fault("`--num-workers -3`", "it is refused by name, before anything is read")
def test_a_negative_number_of_workers_is_refused(elsewhere, capsys, status):
    assert status(["--num-workers", "-3"]) == 2
    assert "num_workers is -3, but must be 0 or more, or None" in capsys.readouterr().err
    for number in ("-3", "0"):
        arguments = ["score", "--maps", "x", "--masks", "y", "--num-workers", number]
        assert status(arguments) == 1
        expected = f"error: num_workers is {number}, but must be at least 1, or None\n"
        assert capsys.readouterr().err == expected
    assert not (elsewhere / "runs").exists()


@pytest.mark.parametrize("name", ["predict", "evaluate", "score", "textures", "check-data"])
def test_a_preset_is_for_trainings_alone(elsewhere, capsys, status, name):
    needed = {"score": ["--maps", "a", "--masks", "b"], "textures": ["--dtd", "a"]}
    assert status([name, *needed.get(name, ["a"]), "--preset", "paper"]) == 2
    assert "--preset" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "no folder nowhere"),
        (["--resume", "nowhere"], "nowhere is no run"),
        (["evaluate", "nowhere"], "nowhere is no run"),
        (["predict", "nowhere"], "nowhere is no run"),
        (["predict"], "needs a run's folder alone, or --official and --out"),
        (["predict", "run", "--size", "32"], "needs a run's folder alone, or --official and --out"),
        (["predict", "--official", "x"], "needs a run's folder alone, or --official and --out"),
        (["score", "--maps", "x", "--masks", "y"], "no folder y"),
        (["check-data", "nowhere"], "no folder nowhere"),
        (["textures", "--dtd", "nowhere"], "download DTD"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(elsewhere, capsys, arguments, message):
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (elsewhere / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "huge"], "huge"),
        (["--preset"], "--preset"),
        (["--epochs", "0"], "epochs is 0"),
        (["--aslp.technique", "XX"], "technique is 'XX'"),
        (["--epochs", "many"], "--epochs"),
        (["--colour", "red"], "--colour"),
        (["destroy"], "destroy"),
        (["evaluate"], "RUN"),
        (["score", "--maps", "x"], "--masks"),
        (["textures"], "--dtd"),
        (["check-data"], "ROOT"),
    ],
)
def test_words_that_cannot_be_are_explained_and_nothing_is_made(
    elsewhere, capsys, status, arguments, message
):
    assert status(arguments) == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.replace("│", " ").split())  # as tyro wraps it in its box
    assert "dummy" not in error
    assert not (elsewhere / "runs").exists()


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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "name"),
    [
        ([ROOT / "main_ASLP.py"], "main_ASLP.py"),
        ([ROOT / "Dataset" / "Process_Texture_Dataset.py"], "Process_Texture_Dataset.py"),
        (["-m", "aslp_lib"], "python -m aslp_lib"),
        (["aslp"], "aslp"),
    ],
    ids=str,
)
def test_the_scripts_start_from_any_folder_and_know_their_names(elsewhere, script, name):
    (elsewhere / "aslp").write_text(INSTALLED)
    result = subprocess.run([sys.executable, *script, "--help"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert re.match(rf"usage: \S*{name} \[", result.stdout)
    assert name == "main_ASLP.py" or "main_ASLP.py" not in result.stdout


@pytest.mark.fault("Ctrl-C while the command line is imported", "one line, and the status 130")
@pytest.mark.parametrize(
    "script",
    [
        [ROOT / "main_ASLP.py"],
        ["-m", "aslp_lib"],
        ["-c", INSTALLED],
    ],
    ids=["main_ASLP.py", "-m aslp_lib", "aslp"],
)
def test_the_line_may_be_stopped_while_it_is_imported(elsewhere, script):
    (elsewhere / "torch.py").write_text(INTERRUPTED)  # as who presses Ctrl-C in that very moment
    path = os.pathsep.join([str(elsewhere), str(ROOT)])
    result = subprocess.run(
        [sys.executable, *script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert (result.returncode, result.stderr) == (130, "\nstopped\n")


def test_textures_from_the_command_line(elsewhere, capsys):
    folder = elsewhere / "dtd" / "images" / "banded"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((5, 6, 3), np.uint8)).save(folder / "banded_0001.jpg")
    Path("names.txt").write_text("banded_0001.jpg\n")
    arguments = ["--dtd", "dtd", "--names", "names.txt", "--target", "Test/T"]
    assert main(["textures", *arguments]) == 0
    assert "1 textures in Test/T" in capsys.readouterr().out
