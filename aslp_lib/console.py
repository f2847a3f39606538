"""Running a command as a process: output streams, error messages and exit status."""

from __future__ import annotations

import errno
import io
import os
import select
import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PROGRAM = {"aslp": "aslp", "__main__": "python -m aslp_lib"}.get(
    Path(sys.argv[0]).stem, "python main_ASLP.py"
)
"""How this process was started: by the installed command, the package or the script."""
NOBODY_READS = (errno.EPIPE, errno.EIO)
"""Errors of a pipe whose reader has ended, such as `head`, and of a terminal that was closed."""


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

    Printing never stops the command: characters that the output's encoding lacks are escaped, and
    output to a closed stream, to a pipe without a reader or to a full disk is discarded.

    Returns:
        The command's own status, 0 if it returns none, 1 after an error and 130 after Ctrl-C. Also
        1 if its standard output is incomplete because of an error such as a full disk.
    """
    prepare()
    try:
        return command() or _report_loss()
    except KeyboardInterrupt as stop:
        print("\n" + "; ".join(["stopped", *map(str, stop.args)]), file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def prepare() -> None:
    """Make printing safe and warnings short, in a process that a user starts, or in a child of it.

    See `run`.
    """
    _prepare_streams()
    warnings.formatwarning = _formatted  # type: ignore[assignment]


_with_line = warnings.formatwarning


def _formatted(message: Warning | str, category: type[Warning], *place: Any) -> str:
    if category is RuntimeWarning:
        return f"note: {message}\n"
    return _with_line(message, category, *place)


class _Output(io.FileIO):
    """The descriptor of an output stream, to which writing never fails.

    After an error, output is discarded, also that of processes that are started later: they inherit
    the descriptor, which is now that of the null device. `lost` is the error, unless nobody reads.
    """

    lost: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        """Write all of the data, and wait for the reader of a pipe even if that does not block."""
        rest = memoryview(data).cast("B")
        try:
            while rest:
                written = super().write(rest)
                if written is None:
                    select.select([], [self], [])
                rest = rest[written or 0 :]
        except OSError as error:
            self.lost = None if error.errno in NOBODY_READS else error
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
        return memoryview(data).nbytes


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
            raw = getattr(stream.buffer, "raw", stream.buffer)  # `python -u` has no buffer
            if stream is getattr(sys, f"__{name}__") and isinstance(raw, io.FileIO):
                output = _Output(raw.fileno(), "wb", closefd=False)
                stream = io.TextIOWrapper(
                    output if raw is stream.buffer else io.BufferedWriter(output),
                    stream.encoding,
                    line_buffering=stream.line_buffering,
                    write_through=stream.write_through,
                )
                setattr(sys, name, stream)
            stream.reconfigure(errors="backslashreplace")


def _report_loss() -> int:
    """Print whether standard output is incomplete, and return the exit status."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    output = getattr(buffer, "raw", buffer)
    if not (isinstance(output, _Output) and output.lost):
        return 0
    print(
        f"error: standard output is incomplete ({output.lost.strerror}); expected room for it. The "
        "command has finished, and its files are complete.",
        file=sys.stderr,
    )
    output.lost = None
    return 1
