"""The command line: `aslp [COMMAND] [flags]`; without arguments, everything."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import make_dataclass
from functools import reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from typing import Annotated, Any, NoReturn

import tyro

from aslp_lib import console
from aslp_lib.cli.base import Command
from aslp_lib.training import launch

COMMANDS: dict[str, str] = {
    "run": "run:Everything",
    "train": "run:Train",
    "predict": "predict:Predict",
    "evaluate": "evaluate:Evaluate",
    "score": "score:Score",
    "recalibrate": "recalibrate:Recalibrate",
    "compare": "compare:Compare",
    "textures": "textures:Textures",
    "check-data": "check_data:CheckData",
}
"""Name -> file and class: imported when it is asked for, since torch takes longer than some
commands."""
HELP = ("-h", "--help")
PROGRAM = {"aslp": "aslp", "__main__": "python -m aslp_lib"}.get(
    Path(sys.argv[0]).stem, "main_ASLP.py"
)
"""What the user called: the installed command, the package, or the script."""
DESCRIPTION = f"""Train, predict with and evaluate Adaptive Stochastic Label Perturbation (ASLP).

Without a command it is run: {PROGRAM} --epochs 20

Flags of a command: {PROGRAM} COMMAND --help

With a preset's defaults: {PROGRAM} run --preset NAME --help

On several GPUs: torchrun --standalone --nproc-per-node 4 -m aslp_lib ..."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments ask; returns the exit status, as `console.run`, and 2 for words that
    cannot be read.

    Raises:
        SystemExit: tyro's, after help (0) and flags that it refuses (2).
    """

    def run() -> int:
        try:
            command = parse(sys.argv[1:] if arguments is None else arguments)
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        if command.every_process or launch.is_main():
            command()
        return 0

    return console.run(run)


def parse(words: Sequence[str]) -> Command:
    """The command that the words ask for, with its flags.

    Raises:
        ValueError: a setting that cannot be.
        SystemExit: tyro's, after help and other words that it refuses.
    """
    if not words or (words[0].startswith("-") and words[0] not in HELP):
        words = ["run", *words]
    name, *rest = words
    if name not in COMMANDS:
        help_or_refuse(words)
    asked = kind(name)
    defaults = asked.defaults(words)
    given: dict[str, Any] = {} if defaults is None else {"default": defaults}
    return tyro.cli(
        asked, prog=f"{PROGRAM} {name}", args=rest, console_outputs=launch.is_main(), **given
    )


def help_or_refuse(words: Sequence[str]) -> NoReturn:
    """Raise SystemExit: tyro's, after help on all commands, or of a word that is none."""
    choices = [Annotated[kind(name), tyro.conf.subcommand(name)] for name in COMMANDS]
    one_of: Any = Annotated[reduce(or_, choices), tyro.conf.arg(name="")]
    # A field of ours: tyro would name one of its own in messages.
    line: Any = make_dataclass("Line", [("command", one_of)])
    shown = launch.is_main()
    tyro.cli(line, prog=PROGRAM, description=DESCRIPTION, args=words, console_outputs=shown)
    raise AssertionError(words)


def kind(name: str) -> type[Command]:
    """The command of a name of `COMMANDS`."""
    module, _, found = COMMANDS[name].partition(":")
    command: type[Command] = getattr(import_module(f"aslp_lib.cli.{module}"), found)
    return command
