"""Validation of input: JSON objects, and values against the annotations of dataclasses."""

import difflib
import json
import math
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from reprlib import Repr
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from aslp_lib.ranges import Range

LARGEST_INTEGER = 2**63 - 1
"""Largest integer that PyTorch and NumPy can hold (int64)."""

LARGEST_LOGIT = (2 - 2**-23) * 2.0**127
"""Largest absolute value of a logit, that of float32; in float64, sums of larger ones overflow."""

BINARY = (
    "expected one channel, (N, 1, ...), and the labels 0 and 1, because this is for two classes. "
    "Of several classes, take one against the rest, labels == k; of a softmax over two, the logits "
    "z[:, 1:] - z[:, :1]."
)
"""What is expected where several classes are given to what is for two, and what to do."""

_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = 100


def short_repr(value: object) -> str:
    """Return a value as text for an error message; long or deep values are abbreviated.

    >>> short_repr([1, 2, 3, 4, 5, 6, 7, 8])
    '[1, 2, 3, 4, 5, 6, ...]'
    """
    return _short.repr(value)


def require(name: str, value: object, valid: bool, expected: str) -> None:
    """Raise ValueError with the message "NAME is VALUE; expected EXPECTED" unless `valid`.

    >>> require("size", 0, False, "at least 1")
    Traceback (most recent call last):
    ValueError: size is 0; expected at least 1
    """
    if not valid:
        raise ValueError(f"{name} is {short_repr(value)}; expected {expected}")


def require_name(noun: str, name: object, known: Collection[str]) -> None:
    """Raise ValueError unless a name is known; the message suggests those that are meant.

    They are the names that begin with the given one, or the closest one. In a registry whose
    entries have labels, people may have written a label instead.

    >>> require_name("the command", "trainn", ["run", "train"])
    Traceback (most recent call last):
    ValueError: the command is 'trainn'; expected one of run, train. Did you mean train?

    Args:
        noun: what has the name, for the message.
        name: the name.
        known: the known names, or a registry with them as keys.
    """
    if isinstance(name, str) and name in known:
        return
    entries = known if isinstance(known, Mapping) else {}
    labels = {str(getattr(entries.get(key), "label", key)).lower(): key for key in known}
    names, word = {key.lower(): key for key in known}, str(name).lower()
    starts = [[part[text] for text in part if text.startswith(word)] for part in (names, labels)]
    texts = labels | names
    nearest = [texts[text] for text in difflib.get_close_matches(word, texts, n=1)]
    close = starts[0] or starts[1] or nearest
    meant = f" Did you mean {' or '.join(close)}?" if close and word else ""
    require(noun, name, False, f"one of {', '.join(known)}.{meant}")


def require_type(name: str, value: object, kind: Any, expected: str) -> None:
    """Raise TypeError unless isinstance(value, kind): "the type of NAME is TYPE; expected ...".

    >>> require_type("counts", [1, 2], dict, "a dict")
    Traceback (most recent call last):
    TypeError: the type of counts is list; expected a dict
    """
    if not isinstance(value, kind):
        raise TypeError(f"the type of {name} is {type(value).__name__}; expected {expected}")


def require_one_channel(name: str, shape: Sequence[int]) -> None:
    """Raise ValueError for a batch with several channels, (N, K, H, W), such as a one-hot map.

    P patches of each image are no channels if the shape is (N, P, 1, H, W).

    >>> require_one_channel("logits", (8, 1, 64, 64))
    """
    if len(shape) > 3 and 1 not in shape[1:3]:
        raise ValueError(f"{name} have {shape[1]} channels: shape {tuple(shape)}; {BINARY}")


def require_shape_of(name: str, shape: Sequence[int], labels: Sequence[int]) -> None:
    """Raise ValueError unless labels have the shape of the predictions; they may lack a channel.

    >>> require_shape_of("logits", (8, 1, 64, 64), (8, 64, 64))
    Traceback (most recent call last):
    ValueError: the shape of labels is (8, 64, 64); expected that of logits, (8, 1, 64, 64). Add \
the channel: labels[:, None].
    """
    shape, labels = tuple(shape), tuple(labels)
    lacking = (*labels[:1], 1, *labels[1:]) == shape
    remedy = ". Add the channel: labels[:, None]." if lacking else ""
    require("the shape of labels", labels, labels == shape, f"that of {name}, {shape}{remedy}")


def class_channels(logits: Sequence[int], labels: Sequence[int]) -> int:
    """Return the number of classes K, or 1 for two classes in one channel, given two shapes.

    There are K classes if the labels are class ids, (N, *S) beside logits of (N, K, *S), or if both
    are (N, K, H, W) or (N, K, D, H, W). One-hot labels of other shapes, such as (N, K) or a volume
    with a depth of 1, cannot be told from one channel; use class ids.

    >>> class_channels((8, 3, 64, 64), (8, 64, 64)), class_channels((8, 1, 64, 64), (8, 1, 64, 64))
    (3, 1)

    Args:
        logits: shape of the logits.
        labels: shape of the labels.

    Raises:
        ValueError: the shapes do not fit each other; the message has the remedy.
    """
    logits, labels = tuple(logits), tuple(labels)
    channels = logits[1] if len(logits) > 1 else 1
    ids = (*logits[:1], *logits[2:])
    if channels > 1 and labels == ids:
        return channels
    several = len(logits) > 3 and 1 not in logits[1:3]
    extra = channels > 1 and len(logits) > 2 and labels == (logits[0], 1, *logits[2:])
    if extra or (several and len(labels) < len(logits)):
        remedy = "Remove the channel: labels[:, 0]." if extra else "One-hot labels have K channels."
        require("the shape of labels", labels, False, f"class ids, {ids}. {remedy}")
    require_shape_of("logits", logits, labels)
    return channels if several else 1


def require_predictions(name: str, values: Any, *, logits: bool = False) -> None:
    """Raise ValueError unless the values of an array or a tensor are probabilities, or logits.

    >>> import torch
    >>> require_predictions("the map", torch.tensor([0.5, 4.0]))
    Traceback (most recent call last):
    ValueError: the map spans [0.5, 4]; expected probabilities in [0, 1]. If these are logits, say \
so: logits, or --logits.
    """
    if not math.prod(values.shape):
        return
    low, high = float(values.min()), float(values.max())  # NaN if one is NaN
    smallest, largest = (-LARGEST_LOGIT, LARGEST_LOGIT) if logits else (0, 1)
    if smallest <= low <= high <= largest:
        return
    expected = "finite logits, in the range of float32" if logits else "probabilities in [0, 1]"
    advice = "Look for the cause in what the network computes."
    if not (logits or math.isnan(low)):
        advice = "If these are logits, say so: logits, or --logits."
        if low >= 0 and high >= 50:  # a larger logit is improbable
            advice = "Divide grey levels by 255."
    raise ValueError(f"{name} spans [{low:g}, {high:g}]; expected {expected}. {advice}")


@contextmanager
def explained(problem: str, expected: str, *more: type[Exception]) -> Iterator[None]:
    """Turn the errors of malformed content into a ValueError `PROBLEM (ERROR); expected EXPECTED`.

    ERROR is the first line of the error's message, without its full stop.

    >>> with explained("a.json holds no number", "one. Write it again."):
    ...     float("one")
    Traceback (most recent call last):
    ValueError: a.json holds no number (could not convert string to float: 'one'); expected one. \
Write it again.

    Args:
        problem: what is wrong, with the name of the file.
        expected: what was expected and what to do.
        more: further kinds of errors that malformed content causes.
    """
    kinds: tuple[type[Exception], ...] = (ValueError, TypeError, KeyError, AttributeError, *more)
    try:
        yield
    except kinds as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise ValueError(f"{problem} ({reason}); expected {expected}") from error


def json_object(text: str | bytes) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        ValueError: the text is not JSON or not an object.

    >>> json_object('{"size": 48}')
    {'size': 48}
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError(f"the JSON text is {short_repr(content)}; expected an object")
    return content


def check_types(kind: type, values: Mapping[str, object], prefix: str = "") -> None:
    """Raise ValueError unless each value matches the annotation of its dataclass field.

    Integers are accepted for floats. Booleans, NaN and infinity are not accepted as numbers. A
    `Range` in an annotation is checked.

    Args:
        kind: the dataclass.
        values: values by the names of their fields.
        prefix: text before field names in messages, such as `aslp.` for a group of settings.
    """
    hints = _hints(kind)  # a dataclass has no annotations but those of its fields
    check_names(values, hints, prefix)
    for name, value in values.items():
        require(f"{prefix}{name}", value, fits(value, hints[name]), in_words(hints[name]))


def check_names(values: Mapping[str, object], known: Mapping[str, object], prefix: str) -> None:
    """Raise ValueError if names of values are not known; `prefix` precedes them in the message."""
    if unknown := sorted(values.keys() - known.keys()):
        names = ", ".join(prefix + short_repr(name)[1:-1] for name in unknown)
        raise ValueError(f"unknown settings: {names}; expected existing ones. Check the spelling.")


_hints = cache(partial(get_type_hints, include_extras=True))


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value matches an annotation, as `check_types` interprets it.

    >>> fits(3, float), fits(True, int), fits({"a": 1}, dict[str, str])
    (True, False, False)
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        ranges = [mark for mark in parts[1:] if isinstance(mark, Range)]
        return fits(value, parts[0]) and all(value in each for each in ranges)
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is tuple:
        return isinstance(value, tuple) and all(fits(item, parts[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(item, parts[1]) for item in value.values())
    if hint in (int, float):
        if isinstance(value, bool) or not isinstance(value, (int, hint)):
            return False
        return abs(value) <= LARGEST_INTEGER if isinstance(value, int) else math.isfinite(value)
    return isinstance(value, hint)


def in_words(hint: Any) -> str:
    """Describe an annotation in words, for an error message.

    >>> from aslp_lib.ranges import PositiveInt
    >>> in_words(PositiveInt | None)
    'an integer of at least 1, or None'
    """
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        ranges = [str(mark) for mark in parts[1:] if isinstance(mark, Range)]
        return " ".join([in_words(parts[0]), *ranges])
    if origin in (Union, types.UnionType):
        return ", or ".join(map(in_words, parts))
    if origin is Literal:
        return f"one of {', '.join(parts)}"
    if origin is tuple:
        return "a list"
    words = {int: "an integer", float: "a number", bool: "true or false", str: "text"}
    return "None" if hint is type(None) else words.get(hint, hint.__name__)
