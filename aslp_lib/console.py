"""Running a command as a process: output streams, error messages and exit status."""

from __future__ import annotations

import io
import os
import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAM = {"aslp": "aslp", "__main__": "python -m aslp_lib"}.get(
    Path(sys.argv[0]).stem, "python main_ASLP.py"
)
"""How this process was started: by the installed command, the package or the script."""


def command_line(*words: object) -> str:
    """Return a command of this program, as a user types it.

    >>> command_line("evaluate", Path("my run"))[-17:]
    "evaluate 'my run'"
    """
    return f"{PROGRAM} {shlex.join(map(str, words))}"


def is_main() -> bool:
    """Return whether this process writes and prints; `torchrun` may have started several."""
    return int(os.environ.get("RANK", "0")) == 0


def world_size() -> int:
    """Return the number of processes that were started together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def run(command: Callable[[], int | None]) -> int:
    """Run a command and return its exit status; print a user's mistake as one line.

    A RuntimeWarning, such as that of a recalibration whose parameter is at the end of its range, is
    printed as a note.

    Characters that the output's encoding lacks are escaped, and output to a closed stream is
    discarded. Where nobody reads the output any more, as in `aslp run | head`, the command ends
    without a message.

    Returns:
        The command's own status, 0 if it returns none, 1 after an error and 130 after Ctrl-C.
    """
    prepare()
    try:
        try:
            return command() or 0
        finally:
            sys.stdout.flush()  # before a SystemExit, too, such as that of --help
    except KeyboardInterrupt as stop:
        print("\n" + "; ".join(["stopped", *map(str, stop.args)]), file=sys.stderr)
        return 130
    except BrokenPipeError:
        for descriptor in (1, 2):  # Python flushes both streams when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        return 1
    except (ValueError, OSError, RuntimeError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def prepare() -> None:
    """Make printing safe and warnings short, in a process that a user starts, or in a child of it.

    See `run`.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # The lowest free descriptor is that of the closed stream. Without this, a file of ours
            # would get it, and receive what a library prints there. Child processes inherit it.
            descriptor = os.open(os.devnull, os.O_WRONLY)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    warnings.formatwarning = _formatted  # type: ignore[assignment]


_with_line = warnings.formatwarning


def _formatted(message: Warning | str, category: type[Warning], *place: Any) -> str:
    if category is RuntimeWarning:
        return f"note: {message}\n"
    return _with_line(message, category, *place)
