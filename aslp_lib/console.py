"""How a command runs as a process: what it prints where, and its exit status."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable


def run(command: Callable[[], int | None]) -> int:
    """Call a command and return its exit status. A user's mistake is one line, and no traceback.

    Printing cannot make it fail: a character that the output's encoding lacks is escaped, and what
    is printed to a closed stream is dropped.
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
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # It gets the lowest free number, which is the closed stream's own: otherwise a file of
            # ours would, and would hold what a library prints there. Child processes need it too.
            descriptor = os.open(os.devnull, os.O_WRONLY)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
