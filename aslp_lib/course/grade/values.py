"""What crosses between the grader and an answer's process: JSON, one message a line.

Whatever comes from an answer's process may be anything. Here it becomes a number, an array, a short
text, or an object that is nothing but the name of its type.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from socket import socket

import numpy as np
from torch import Tensor

MOST_BYTES = 2**22
MOST_NUMBERS = 100_000
MOST_CHARACTERS = 300


class Unreadable(Exception):
    """A message that is none; its text says what is wrong."""


def send(channel: socket, message: object, until: float = math.inf) -> None:
    """Raises EOFError and TimeoutError as `receive` does."""
    channel.settimeout(_left(until))
    try:
        channel.sendall(json.dumps(message).encode() + b"\n")
    except ConnectionError as error:
        raise EOFError from error


def receive(channel: socket, until: float = math.inf) -> object:
    """The next message.

    Args:
        until: of `time.monotonic`, when to give up.

    Raises:
        EOFError: the other side is gone.
        TimeoutError: nothing whole came in time.
        Unreadable: it is no JSON, or too long.
    """
    data = bytearray()
    while not data.endswith(b"\n"):
        channel.settimeout(_left(until))
        try:
            part = channel.recv(2**16)
        except ConnectionError as error:
            raise EOFError from error
        if not part:
            raise EOFError
        data += part
        if len(data) > MOST_BYTES:
            raise Unreadable(f"It sent more than {MOST_BYTES // 2**20} MB.")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unreadable("It sent something that cannot be read.") from error


def _left(until: float) -> float | None:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return None if left == math.inf else left


def from_answer(value: object) -> list[object]:
    """A learner's value as JSON; of what is no number and no text its type's name alone."""
    if value is ...:
        return ["open"]
    if value is None:
        return ["none"]
    if isinstance(value, str):
        return ["text", value[:MOST_CHARACTERS]]
    try:
        if isinstance(value, Tensor):
            value = value.detach().numpy(force=True)
        if isinstance(value, list | tuple | np.ndarray):
            array = np.asarray(value, dtype=np.float64)
            if array.size <= MOST_NUMBERS:
                return ["array", list(array.shape), array.ravel().tolist()]
        elif callable(value):
            return ["function"]
        elif not isinstance(value, bool | np.bool_ | bytes | complex):
            return ["number", float(value)]  # type: ignore[arg-type]  # or it raises
    except Exception:  # of anything's own conversion
        pass
    return ["other", type(value).__name__]


def to_answer(data: object, function: Callable[..., object]) -> object:
    """What `Exercise.check` is to be given for it.

    Args:
        function: where the answer is one.

    Raises:
        Unreadable: `from_answer` makes no such thing.
    """
    try:
        match data:
            case ["open"]:
                return ...
            case ["none"]:
                return None
            case ["function"]:
                return function
            case ["text", str(text)]:
                return short(text)
            case ["number", float(number)]:
                return number
            case ["array", list(shape), list(numbers)]:
                return np.array(numbers, dtype=np.float64).reshape(shape)
            case ["other", str(name)]:
                return type(short(name), (), {})()
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Unreadable("It sent something that cannot be read.") from error
    raise Unreadable("It sent something that is no answer.")


def from_point(point: tuple[object, ...]) -> list[object]:
    """A function's arguments as JSON."""
    return [
        {"shape": list(each.shape), "numbers": each.ravel().tolist()}
        if isinstance(each, np.ndarray)
        else each
        for each in point
    ]


def to_point(data: list) -> list[object]:
    """The arguments; arrays cannot be written to, as a grid's cannot."""
    point = []
    for each in data:
        if isinstance(each, dict):
            each = np.array(np.reshape(each["numbers"], each["shape"]), dtype=np.float64)
            each.setflags(write=False)
        point.append(each)
    return point


def short(text: str) -> str:
    """Text of a stranger, cut, and printable."""
    return printable(text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}...")


def printable(text: str) -> str:
    """Text on one line, without what a terminal or an editor obeys."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )
