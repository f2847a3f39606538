"""The command line: `aslp [COMMAND] [flags]`; without arguments, everything."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import make_dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any

import tyro

from aslp_lib.cli.base import Command
from aslp_lib.cli.check_data import CheckData
from aslp_lib.cli.evaluate import Evaluate
from aslp_lib.cli.predict import Predict
from aslp_lib.cli.run import Everything, Train
from aslp_lib.cli.score import Score
from aslp_lib.cli.textures import Textures
from aslp_lib.training import distributed

COMMANDS: dict[str, type[Command]] = {
    "run": Everything,
    "train": Train,
    "predict": Predict,
    "evaluate": Evaluate,
    "score": Score,
    "textures": Textures,
    "check-data": CheckData,
}
ALIASES = {"test": "predict"}
HELP = ("-h", "--help")
PROGRAM = "main_ASLP.py"
DESCRIPTION = f"""Train, predict with and evaluate adaptive label perturbation (ASLP).

Without a command it is run: {PROGRAM} --epochs 20

Flags of a command: {PROGRAM} COMMAND --help

With a preset's defaults: {PROGRAM} run --preset NAME --help

On several GPUs: torchrun --standalone --nproc-per-node 4 {PROGRAM} ..."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments ask; returns the exit status. A user's mistake is no traceback.

    Raises:
        SystemExit: tyro's, after help (0) and flags that it refuses (2).
    """
    status = 2  # of words that cannot be read
    try:
        command = parse(sys.argv[1:] if arguments is None else arguments)
        status = 1
        if command.every_process or distributed.is_main():
            command()
    except KeyboardInterrupt as stop:
        print("\n" + "; ".join(["stopped", *map(str, stop.args)]), file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return status
    return 0


def parse(words: Sequence[str]) -> Command:
    """The command that the words ask for, with its flags.

    Raises:
        ValueError: a flag that has another name now, or a setting that cannot be.
        SystemExit: tyro's, after help and other words that it refuses.
    """
    if not words or (words[0].startswith("-") and words[0] not in HELP):
        words = ["run", *words]
    words = [ALIASES.get(words[0], words[0]), *words[1:]]
    if words[0] in COMMANDS:
        refuse_renamed(words, COMMANDS[words[0]].renamed)
    choices: list[Any] = []
    for name, kind in COMMANDS.items():
        defaults = kind.defaults(words)
        given: dict[str, Any] = {} if defaults is None else {"default": defaults}
        choices.append(Annotated[kind, tyro.conf.subcommand(name, **given)])
    one_of: Any = Annotated[reduce(or_, choices), tyro.conf.arg(name="")]
    # A field of ours: tyro would name one of its own in messages.
    line: Any = tyro.cli(
        make_dataclass("Line", [("command", one_of)]),
        prog=PROGRAM,
        description=DESCRIPTION,
        args=words,
        console_outputs=distributed.is_main(),
    )
    command: Command = line.command
    return command


def refuse_renamed(words: Sequence[str], renamed: Mapping[str, str]) -> None:
    """Raise ValueError on an old spelling, saying what it is called since."""
    parser = argparse.ArgumentParser(
        add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS
    )
    for flag in dict.fromkeys(old.split()[0] for old in renamed):
        parser.add_argument(flag, nargs="*", dest=flag)
    found, _ = parser.parse_known_args(words)
    for flag, values in vars(found).items():
        for old in (flag, *(f"{flag} {value}" for value in values)):
            if old in renamed:
                raise ValueError(f"{old} is called {renamed[old]} now")
