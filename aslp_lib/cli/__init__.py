"""The command line `aslp [COMMAND] [flags]`, where flags alone are those of `run`."""

import sys
from collections.abc import Sequence
from dataclasses import make_dataclass
from functools import partial, reduce
from operator import or_
from pkgutil import resolve_name
from typing import Annotated, Any

import tyro

from aslp_lib import __version__, console
from aslp_lib.checks import require_name
from aslp_lib.cli.base import Command
from aslp_lib.cli.help import SHORT, described, short_help
from aslp_lib.console import PROGRAM
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
    "course": "course:Course",
    "check": "course:Check",
    "student": "course:Student",
    "assignments": "course:Assignments",
}
"""Name of a command -> its module and class. A command is imported when it is called, because some
commands take less time than importing torch."""
BARE = "run" if PROGRAM == "python main_ASLP.py" else "--help"
"""What a line without words stands for: the authors' script trains."""
OF_THE_PROGRAM = ("-h", "--help", "--version")
"""Flags that are given instead of a command."""
DESCRIPTION = f"""Train, predict with and evaluate Adaptive Stochastic Label Perturbation (ASLP).

Examples:
  {PROGRAM} run               train and compare BCE and ASLP on embedded images
  {PROGRAM} COMMAND --help    flags of a command, with examples

Flags with the defaults of a preset: {PROGRAM} run --preset NAME --help-all

Training on several GPUs: torchrun --standalone --nproc-per-node 4 -m aslp_lib ..."""
"""Description of the program in its help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name.

    Args:
        arguments: words of the command line; those of this process, unless given.

    Returns:
        The exit status, see `console.run`.

    Raises:
        SystemExit: tyro printed help (status 0) or refused the flags (status 2).
    """

    def run() -> None:
        command = parse(sys.argv[1:] if arguments is None else arguments)
        if command.every_process or launch.is_main():
            command()

    return console.run(run)


def parse(words: Sequence[str]) -> Command:
    """Parse a command line into a command with its flags.

    Raises:
        ValueError: there is no such command, or a setting is invalid.
        SystemExit: help or the version was printed, or tyro refused the words.
    """
    name, *rest = words = words or [BARE]
    if name.startswith("-") and name not in OF_THE_PROGRAM:
        name, *rest = words = ["run", *words]
    cli = partial(tyro.cli, console_outputs=launch.is_main())
    if name == "--version":
        if launch.is_main():
            print(f"aslp_lib {__version__}")
        raise SystemExit(0)
    if name not in OF_THE_PROGRAM:
        require_name("the command", name, COMMANDS)
    if name not in COMMANDS:  # tyro prints help on all commands, and exits.
        choices = [Annotated[kind(name), tyro.conf.subcommand(name)] for name in COMMANDS]
        one_of: Any = Annotated[reduce(or_, choices), tyro.conf.arg(name="")]
        # Without a named field, tyro's messages would name an internal one.
        line: Any = make_dataclass("Line", [("command", one_of)])
        cli(line, prog=PROGRAM, description=DESCRIPTION, args=[name])
    command = kind(name)
    options: dict[str, Any] = {"description": described(name, command.__doc__, PROGRAM)}
    default = command.defaults(words)
    if name in SHORT and {"-h", "--help"}.intersection(rest):
        if launch.is_main():
            print(short_help(name, default or command, PROGRAM), end="")
        raise SystemExit(0)
    if default:
        options["default"] = default
    rest = ["--help" if word == "--help-all" else word for word in rest]
    return cli(command, prog=f"{PROGRAM} {name}", args=rest, **options)


def kind(name: str) -> type[Command]:
    """Import and return the class of a command in `COMMANDS`."""
    return resolve_name(f"aslp_lib.cli.{COMMANDS[name]}")
