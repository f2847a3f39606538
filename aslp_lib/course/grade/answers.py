"""The grader's side: an answer's process is started, asked and ended, and its values are checked.

The process and what it may do: modules `process` and `confinement`.
"""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import cast

import numpy as np
from numpy.typing import NDArray

import aslp_lib
from aslp_lib.course.exercises import EXERCISES, Exercise, Verdict
from aslp_lib.course.grade.handins import Cell
from aslp_lib.course.grade.values import (
    Unreadable,
    from_point,
    receive,
    send,
    short,
    to_answer,
)

SECONDS = 20.0
"""For a cell to be run, and again for all that its function is asked; the check itself waits for a
function no longer than it does in a notebook."""
START = 300.0
"""For a process to start, torch included."""


class Processes:
    """Where answers run. A context: at its end all of them are gone, and their folder."""

    lacking: list[str]
    """What this system cannot guard with, in words: of the last process that was started."""

    def __enter__(self) -> Processes:
        self._folder = TemporaryDirectory(prefix="aslp-answers-")
        self._control, theirs = socket.socketpair()
        with theirs:
            # -P: what lies in the folder is not imported.
            self._parent = subprocess.Popen(
                [sys.executable, "-P", "-m", "aslp_lib.course.grade.process", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=self._folder.name,
                env=_environment(self._folder.name),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the grader, which then ends it
            )
        try:
            self._try_out()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._control.close()
        self._parent.wait()
        self._folder.cleanup()

    @contextmanager
    def one(self) -> Iterator[socket.socket]:
        """The channel to a new process, which has given up its rights.

        Raises:
            RuntimeError: none can be started.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            try:
                socket.send_fds(self._control, [b"."], [theirs.fileno()])
                theirs.close()
                self.lacking = cast(list[str], receive(ours, time.monotonic() + START))
            except (OSError, EOFError) as error:
                raise RuntimeError("no process for answers starts: see what it said") from error
            try:
                yield ours
            finally:
                with suppress(ConnectionError):  # the next one cannot be started, which says so
                    self._control.send(b".")
                    self._control.recv(1)

    def _try_out(self) -> None:
        exercise = next(each for each in EXERCISES.values() if not each.arguments)
        cell = Cell("", f"answer = {float(exercise.right())}", ())
        found = verdict(self, exercise, cell, math.inf)
        if found.kind != "right":
            raise RuntimeError(f"a right answer is not found right here: {found.text}")


def verdict(processes: Processes, exercise: Exercise, cell: Cell, end: float) -> Verdict:
    """What `Exercise.check` says of a handed-in cell, whatever is in it.

    Args:
        end: of `time.monotonic`, after which there is no more time for it.

    Raises:
        RuntimeError: no process for it can be started.
    """
    try:
        with processes.one() as channel, np.errstate(all="ignore"):
            process = _Process(channel)
            process.wait_until(min(time.monotonic() + SECONDS, end))
            answer = process.run([exercise.name, cell.code, list(cell.before)])
            process.wait_until(min(time.monotonic() + SECONDS, end))
            return exercise.check(answer)
    except _Gone as gone:
        return Verdict("unusable", f"{gone} Expected: {exercise.expects}.")


class _Gone(BaseException):
    """There is nothing to be had from the process. No `Exception`, which the check would put down
    to the learner's function."""


class _Process:
    """What runs one answer."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel

    def wait_until(self, until: float) -> None:
        self._until = until

    def run(self, cell: list[object]) -> object:
        """The answer that a cell sets; for a function one that asks for its values there."""
        reply = self._exchange(cell)
        match reply:
            case ["raised", str(name), str(said)]:
                words = f"{short(name)}: {short(said)}" if said else short(name)
                raise _Gone(
                    f"The cell raised {words}. It is run by itself: what it needs, it must import "
                    "and define."
                )
        return self._answer(reply)

    def _call(self, point: tuple[float | NDArray[np.float64], ...]) -> object:
        """The function's value; an error there is raised here by its name."""
        reply = self._exchange(from_point(point))
        match reply:
            case ["raised", str(name), str(said)]:
                raise type(short(name), (Exception,), {})(short(said))
        return self._answer(reply)

    def _exchange(self, message: object) -> object:
        try:
            send(self._channel, message, self._until)
            return receive(self._channel, self._until)
        except EOFError as error:
            raise _Gone("It ended its own process: it left, crashed, or took too much.") from error
        except TimeoutError as error:
            raise _Gone("It was stopped, as it took too long. Does its loop end?") from error
        except Unreadable as error:
            raise _Gone(str(error)) from error

    def _answer(self, reply: object) -> object:
        try:
            return to_answer(reply, lambda *point: self._call(point))
        except Unreadable as error:
            raise _Gone(str(error)) from error


def _environment(folder: str) -> dict[str, str]:
    """Nothing of the user's, whose variables may hold secrets."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return kept | {
        "PATH": os.defpath,
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(aslp_lib.__path__[0]).parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "MPLCONFIGDIR": folder,
        "MPLBACKEND": "agg",
    } | {f"{each}_NUM_THREADS": "1" for each in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}  # fmt: skip
