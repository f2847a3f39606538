"""Running a command as a process: output streams, error messages and exit status."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable


def run(command: Callable[[], int | None]) -> int:
    """Run a command and return its exit status; print a user's mistake as one line.

    Printing never fails: characters that the output's encoding lacks are escaped, and output to a
    closed stream is discarded.

    Returns:
        The command's own status, 0 if it returns none, 1 after an error and 130 after Ctrl-C.
    """
    _prepare_streams()
    try:
        return command() or 0
    except KeyboardInterrupt as stop:
        print("\n" + "; ".join(["stopped", *map(str, stop.args)]), file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _prepare_streams() -> None:
    """Make stdout and stderr safe to print to, whatever their encoding, and even if closed."""
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
