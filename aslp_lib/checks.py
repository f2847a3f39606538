"""What comes from outside, held to what it must be: JSON, and values by their annotations."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from reprlib import Repr
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

LARGEST_WHOLE = 2**63 - 1
"""What torch and NumPy hold."""

_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = 100


def short_repr(value: object) -> str:
    """A value in a message: not all of it where it is long or deep."""
    return _short.repr(value)


def require(name: str, value: object, good: bool, expected: str) -> None:
    """Raise ValueError unless it is good: "NAME is VALUE, but must EXPECTED"."""
    if not good:
        raise ValueError(f"{name} is {short_repr(value)}, but must {expected}")


def json_object(text: str | bytes) -> dict[str, Any]:
    """The keys and values of a JSON object.

    Raises:
        ValueError: no JSON, no object, a key that is there twice, or nested too deeply.
    """
    try:
        held = json.loads(text, object_pairs_hook=_each_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(held, dict):
        raise ValueError(f"it is {short_repr(held)}, but must be an object of names and values")
    return held


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in held if keys.count(key) > 1)
        raise ValueError(f"{short_repr(twice)} is there twice: remove one")
    return held


def check_types(kind: type, values: Mapping[str, object], prefix: str = "") -> None:
    """Raise ValueError unless each value is what the dataclass's field of that name says; names it.

    Whole numbers do for floats, but True is no number, nor are NaN and infinity.

    Args:
        prefix: of the names of a group's fields in messages, as `aslp.`.
    """
    hints = _hints(kind)
    if unknown := sorted(values.keys() - hints.keys()):
        raise ValueError(
            f"unknown settings: {', '.join(prefix + short_repr(n)[1:-1] for n in unknown)}"
        )
    for name, value in values.items():
        expected = f"be {in_words(hints[name])}"
        require(f"{prefix}{name}", value, fits(value, hints[name]), expected)


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def fits(value: object, hint: Any) -> bool:
    """Whether a value is what an annotation says, as `check_types` reads it."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin in (tuple, list):  # of any length
        return isinstance(value, origin) and all(fits(each, parts[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(each, parts[1]) for each in value.values())
    if hint in (int, float):
        if isinstance(value, bool) or not isinstance(value, (int, hint)):
            return False
        return abs(value) <= LARGEST_WHOLE if isinstance(value, int) else math.isfinite(value)
    return isinstance(value, hint)


def in_words(hint: Any) -> str:
    """What fits, in words."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return ", or ".join(map(in_words, parts))
    if origin is Literal:
        return f"one of {', '.join(parts)}"
    if origin in (tuple, list):
        return f"a list, each of it {in_words(parts[0])}"
    if origin is dict:
        return f"an object, each of it {in_words(parts[1])}"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    return "None" if hint is type(None) else words.get(hint, hint.__name__)
