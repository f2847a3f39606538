"""The command line `aslp [COMMAND] [flags]`, where flags alone are those of `run`."""

import inspect
import sys
from collections.abc import Sequence
from pkgutil import resolve_name

from aslp_lib import __version__, console
from aslp_lib.checks import require_name
from aslp_lib.cli.command import Command
from aslp_lib.console import PROGRAM

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
DESCRIPTION = f"""Train, predict with and evaluate Adaptive Stochastic Label Perturbation (ASLP).

Examples:
  {PROGRAM} run               train and compare BCE and ASLP on embedded images
  {PROGRAM} COMMAND --help    flags of a command, with examples

Flags with the defaults of a preset: {PROGRAM} run --preset NAME --help

Training on several GPUs: torchrun --standalone --nproc-per-node 4 -m aslp_lib ..."""
"""Description of the program in its help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name.

    Args:
        arguments: words of the command line; those of this process, unless given.

    Returns:
        The exit status, see `console.run`.

    Raises:
        SystemExit: help or the version was printed (status 0), or there is no such command or flag
            (status 2).
    """

    def run() -> None:
        command = parse(sys.argv[1:] if arguments is None else arguments)
        if command.every_process or console.is_main():
            command()

    return console.run(run)


def parse(words: Sequence[str]) -> Command:
    """Parse a command line into a command with its flags.

    Raises:
        ValueError: a setting is invalid.
        SystemExit: see `main`.
    """
    import tyro  # here, because Ctrl-C must be handled while it is imported

    name, *rest = words or [BARE]
    visible = console.is_main()
    if name == "--version":
        if visible:
            print(f"aslp_lib {__version__}")
        raise SystemExit(0)
    if name in ("-h", "--help"):
        tyro.extras.subcommand_cli_from_dict(
            {each: load(each) for each in COMMANDS},
            prog=PROGRAM,
            description=DESCRIPTION,
            args=["--help"],
            console_outputs=visible,
        )
    if name.startswith("-"):
        name, rest = "run", [name, *rest]
    try:
        require_name("the command", name, COMMANDS)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    command = load(name)
    default = command.defaults(rest)
    return tyro.cli(
        command,
        prog=f"{PROGRAM} {name}",
        description=(inspect.getdoc(command) or "").replace("  aslp ", f"  {PROGRAM} "),
        args=rest,
        default=default or tyro.MISSING_NONPROP,
        compact_help=default is not None,  # it has all settings; --help-verbose explains them
        console_outputs=visible,
    )


def load(name: str) -> type[Command]:
    """Import and return the class of a command in `COMMANDS`."""
    return resolve_name(f"aslp_lib.cli.{COMMANDS[name]}")
