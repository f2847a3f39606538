"""The side of the answers: a process that starts others, each of which runs one answer.

`python -m aslp_lib.course.grade.process FD` imports what answers commonly need, once. For every
channel that comes over the socket FD it forks a process, which gives up its rights, is told a cell,
and says what `answer` is, and, of a function, what it returns where it is asked. The grader (module
`answers`) says when to end it. Nothing here imports the exercises: the right answers are in none of
these processes.
"""

from __future__ import annotations

import ast
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import cast

import torch

import aslp_lib.course
from aslp_lib.course.grade.confinement import confine
from aslp_lib.course.grade.values import from_answer, receive, send, to_point

EXERCISES = Path(aslp_lib.course.__path__[0]) / "exercises"


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    torch.set_num_threads(1)  # answers may start no thread
    while True:
        order, channels, *_ = socket.recv_fds(control, 1, 1)
        if not order:
            return
        child = os.fork()
        if not child:
            _end_after(control, socket.socket(fileno=channels[0]))
        os.close(channels[0])
        control.recv(1)  # when the grader has what it wants, has lost patience, or is no more
        _end(child)
        with suppress(BrokenPipeError):
            control.send(b".")


def _end(child: int) -> None:
    """It and, where the system could not keep it from having some, its children."""
    os.kill(child, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _end_after(control: socket.socket, channel: socket.socket) -> None:
    """The child's whole life; it never returns to its parent's code."""
    leave = os._exit
    try:
        control.close()
        os.setsid()
        send(channel, confine(EXERCISES))
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        _serve(channel)
    except Exception as error:  # after `confine` nobody hears it
        print(error, file=sys.stderr, flush=True)
    finally:
        leave(1)


def _serve(channel: socket.socket) -> None:
    """Run a cell and answer for it until the process is ended."""
    name, code, before = cast(list, receive(channel))
    try:
        answer = run(name, code, before)
        send(channel, from_answer(answer))
    except BaseException as error:  # SystemExit too
        send(channel, _raised(error))
    while True:
        point = to_point(cast(list, receive(channel)))
        try:
            send(channel, from_answer(answer(*point)))  # type: ignore[operator]
        except BaseException as error:
            send(channel, _raised(error))


def run(name: str, code: str, before: list[str]) -> object:
    """What a cell sets as its answer.

    Args:
        name: the exercise's.
        code: the cell.
        before: the code cells before it, of which the imports that it needs are made.

    Raises:
        BaseException: whatever the cell does; NameError if it sets no answer.
    """
    given: dict[str, object] = {}
    exercises = ModuleType("aslp_lib.course.exercises")
    exercises.check = given.__setitem__  # type: ignore[attr-defined]
    sys.modules[exercises.__name__] = aslp_lib.course.exercises = exercises  # type: ignore
    space: dict[str, object] = {"__name__": "__main__", "exercises": exercises}
    tree = ast.parse(code)
    for statement in _imports(before, tree):
        with suppress(ImportError):
            exec(compile(ast.Module([statement], []), "<import>", "exec"), space)
    try:
        exec(compile(tree, "<answer>", "exec"), space)
    except BaseException:
        if name not in given:
            raise
    if name not in given and "answer" not in space:
        raise NameError("the cell sets no `answer`")
    return given.get(name, space.get("answer"))


def _imports(before: list[str], tree: ast.Module) -> list[ast.stmt]:
    """Imports at the top level of earlier cells of a name that a cell uses."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found: list[ast.stmt] = []
    for cell in before:
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            for statement in ast.parse(cell).body:
                if isinstance(statement, ast.Import | ast.ImportFrom):
                    bound = {each.asname or each.name.split(".")[0] for each in statement.names}
                    if bound & used:
                        found.append(statement)
    return found


def _raised(error: BaseException) -> list[str]:
    try:
        said = str(error)
    except BaseException:  # of its own `__str__`
        said = ""
    return ["raised", type(error).__name__[:50], said[:300]]


if __name__ == "__main__":
    main()
