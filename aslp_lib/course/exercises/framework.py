"""An exercise: a question, the right answer computed from the library, and a hint for each mistake.

The learner predicts, assigns the prediction to `answer`, and asks. Three dots (`...`) mean "not
answered yet". A verdict is never only pass or fail: a right answer is told why it is right, a
typical mistake gets its own hint, what breaks a property is told which, too few digits are told so,
anything else gets the general hint, and what is no answer at all is told what was expected.
"""

from __future__ import annotations

import io
import re
import signal
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from fractions import Fraction
from types import FrameType
from typing import Literal, NoReturn, SupportsFloat, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Kind = Literal["open", "right", "mistake", "close", "wrong", "unusable"]
Array = NDArray[np.float64]
Point = tuple[float | Array, ...]
Answer = Callable[..., SupportsFloat | Array]
"""A function of an exercise's arguments; of nothing, where a number is asked for."""
Property = Callable[[Callable[..., Array]], bool]
"""Whether an answer, a function that returns arrays, does what every right one does."""

SECONDS = 10.0
"""What a learner's function may take on all points of a grid together."""


@dataclass(frozen=True)
class Verdict:
    """What the check says; a notebook shows its text."""

    kind: Kind
    text: str

    def __repr__(self) -> str:
        return textwrap.fill(self.text, 92)


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise. The answer is a number, or a function of `arguments` checked on `grid`, which
    returns a number or an array.

    Args:
        name: "NN/word", NN the notebook's number.
        title: a few words.
        question: markdown.
        right: the right answer as a function of the arguments (of nothing, for a number), computed
            from `aslp_lib` and never typed in, so that a changed formula shows.
        tolerance: how far an answer may be off, in the answer's units.
        expects: what kind of answer makes sense, units included: "a share in [0, 1]".
        mistakes: hint -> a typical wrong answer, computed as the learner computes it: a function of
            the arguments, or a number. No two answers may be within twice the tolerance.
        hint: for any other wrong answer.
        why: why the right answer is right.
        solution: code that sets `answer`, imports included; the exercise's arguments are those of
            its function `answer`.
        grid: values of the arguments at which a function is compared: numbers, or arrays.
        properties: hint -> a property; asked, in order, of a function that is no typical mistake.
    """

    name: str
    title: str
    question: str
    right: Answer
    tolerance: float
    expects: str
    mistakes: Mapping[str, Answer | SupportsFloat]
    hint: str
    why: str
    solution: str
    grid: tuple[Point, ...] = ((),)
    properties: Mapping[str, Property] = field(default_factory=dict)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the function's arguments; none for a number."""
        function = re.search(r"^def answer\((.+)\):$", self.solution, re.MULTILINE)
        return tuple(function[1].split(", ")) if function else ()

    @property
    def markdown(self) -> str:
        """The question's cell."""
        return f"### Exercise: {self.title}\n\n{self.question.strip()}"

    @property
    def cell(self) -> str:
        """The learner's code cell, not answered yet."""
        return self._with_check(self.blank)

    @property
    def blank(self) -> str:
        """Code that sets `answer` to an open answer."""
        function = f"def answer({', '.join(self.arguments)}):\n    return ..."
        return function if self.arguments else "answer = ..."

    @property
    def solution_cell(self) -> str:
        """The same cell, answered."""
        return self._with_check(self.solution.strip())

    @property
    def marks(self) -> int:
        """What a right answer earns: a function takes more work than a number."""
        return 3 if self.arguments else 1

    def grade(self, answer: object) -> float:
        """Return the marks that an answer earns, and print the verdict.

        A right answer earns all marks. A right answer in percent or with too few digits earns half.
        nbgrader takes the marks from the result of a test cell. It gives no marks to a test cell
        that writes to stderr, so what the learner's function writes there is dropped.

        Raises:
            AssertionError: the answer earns no marks; the message is the verdict.
        """
        with redirect_stderr(io.StringIO()):
            verdict = self.check(answer)
        share = {"right": 1.0, "close": 0.5}.get(verdict.kind)
        if share is None:
            raise AssertionError(verdict.text)
        print(verdict)
        return share * self.marks

    def check(self, answer: object) -> Verdict:
        """The verdict on an answer. It raises nothing: whatever is no answer gets a verdict too,
        and a function that does not end is stopped."""
        try:
            with _time_limit(SECONDS):
                return self._verdict(answer)
        except _Unusable as problem:
            return Verdict("unusable", f"{problem} Expected: {self.expects}.")

    def _verdict(self, answer: object) -> Verdict:
        given = self._given(answer)
        if given is None:
            return Verdict("open", "Not answered yet: put your answer in place of the three dots.")
        point = self._differs(given, self.right)
        if point is None:
            found = "" if self.arguments else f" {given[0]:.4g}."
            return Verdict("right", f"Right:{found} {self.why}")
        for hint, mistake in self.mistakes.items():
            if self._differs(given, mistake) is None:
                return Verdict("mistake", f"Not yet. {hint}")
        hundredths = [value / 100 for value in given]
        if "share" in self.expects and self._differs(hundredths, self.right) is None:
            how = "divide what you return by 100"
            if not self.arguments:
                how = f"write {given[0]:g} % or {hundredths[0]:g}"
            return Verdict("close", f"Right, in percent: {how}.")
        if not self.arguments and self._is_rounded(float(given[0])):
            return Verdict("close", "Close: give more digits.")
        for hint, holds in self.properties.items():
            if not holds(lambda *point: cast(Array, self._call(cast(Callable, answer), point))):
                return Verdict("mistake", f"Not yet. {hint}")
        where = f" It differs at {self._at(point)}." if self.arguments else ""
        return Verdict("wrong", f"Not yet.{where} {self.hint}")

    def _is_rounded(self, given: float) -> bool:
        """Whether a number is the right one with too few digits."""
        right = float(self.right())
        digits = next((d for d in range(1, 9) if round(given, d) == given), 9)
        return round(right, digits) == given and abs(given - right) < 0.1 * abs(right)

    def _with_check(self, code: str) -> str:
        gap = "\n\n\n" if code.splitlines()[-1].startswith(" ") else "\n"
        return f'{code}{gap}exercises.check("{self.name}", answer)'

    def _given(self, answer: object) -> list[Array] | None:
        """The answer at each point of the grid; None while it is open."""
        if answer is ...:
            return None
        if not self.arguments:
            return [as_array(answer)]
        if not callable(answer):
            raise _Unusable(
                f"That is {_described(answer)}, but a function of {', '.join(self.arguments)} is "
                "asked for."
            )
        values = [self._call(answer, point) for point in self.grid]
        given = [value for value in values if value is not None]
        return given if len(given) == len(values) else None

    def _call(self, answer: Callable[..., object], point: Point) -> Array | None:
        """The learner's function at a point, None while it is open; its errors become words."""
        try:
            value = answer(*point)
        except (Exception, SystemExit) as error:  # anything can happen in a learner's function
            kind = "plain numbers" if _plain(point) else "arrays of numbers"
            raise _Unusable(
                f"At {self._at(point)} your function raised {type(error).__name__}: {error}. It is "
                f"called with {kind}, in this order."
            ) from error
        if value is ...:
            return None
        try:
            return as_array(value, np.shape(cast(Array, self.right(*point))))
        except _Unusable as problem:
            raise _Unusable(f"At {self._at(point)} your function's result: {problem}") from problem

    def _differs(self, given: list[Array], other: Answer | SupportsFloat) -> Point | None:
        """The first point of the grid at which the answer is not the other one."""
        for value, point in zip(given, self.grid, strict=True):
            expected = np.asarray(other(*point) if callable(other) else other, dtype=float)
            if not (abs(value - expected) <= self.tolerance).all():
                return point
        return None

    def _at(self, point: Point) -> str:
        if not _plain(point):
            number = next((i for i, each in enumerate(self.grid, start=1) if each is point), None)
            where = "a case" if number is None else f"case {number} of {len(self.grid)}"
            return f"{where} ({', '.join(self.arguments)})"
        pairs = zip(self.arguments, point, strict=True)
        return ", ".join(f"{name} = {value:g}" for name, value in pairs)


def read_only(*values: Sequence[float] | NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Arrays for a point of a grid, which no answer can change."""
    arrays = tuple(np.array(each, dtype=np.float64) for each in values)
    for array in arrays:
        array.setflags(write=False)
    return arrays


def unchanged(
    case: Point,
    change: Callable[..., Point],
    back: Callable[[Array], Array] = lambda result: result,
) -> Property:
    """A property: what an answer says of a changed case, changed back, it says of the case.

    Args:
        case: the arguments.
        change: makes other arguments of them.
        back: what must be done to the result.
    """

    def holds(answer: Callable[..., Array]) -> bool:
        changed = (
            read_only(value)[0] if isinstance(value, np.ndarray) else value
            for value in change(*case)
        )
        return bool(np.allclose(back(answer(*changed)), answer(*case), atol=1e-6))

    return holds


def _plain(point: Point) -> bool:
    return not any(isinstance(value, np.ndarray) for value in point)


class _Unusable(Exception):
    """An answer that is no answer; the message says what it is instead."""


class _TooLong(BaseException):
    """Time is over. No `Exception`, which a learner's function may catch."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Stop what takes longer, where the system has a timer and this is the main thread, which a
    notebook's cells run in; elsewhere nothing is stopped."""

    def over(number: int, frame: FrameType | None) -> NoReturn:
        raise _TooLong

    if not hasattr(signal, "setitimer") or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    before = signal.signal(signal.SIGALRM, over)
    # Again and again: a bare `except` in a loop catches the first.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    except _TooLong as error:
        raise _Unusable(
            f"Your function was stopped after {seconds:g} seconds. Does its loop end?"
        ) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def as_array(answer: object, shape: tuple[int, ...] = ()) -> Array:
    """Convert what a learner may give: numbers, fractions, nested lists, numpy, torch, sympy, and
    text such as "0.75", "3/4" or "75 %".

    Args:
        shape: the result's; of a single number, an array of one entry is taken too.

    Raises:
        _Unusable: of another shape, or not of finite numbers.
    """
    try:
        if answer is None or isinstance(answer, bool | np.bool_ | bytes):
            raise TypeError
        if isinstance(answer, Tensor):
            answer = answer.detach().numpy(force=True)
        value = _read(answer) if isinstance(answer, str) else answer
        array = np.array(value, dtype=np.float64)
    except Exception as error:  # of anything's own conversion
        asked = "an array of numbers" if shape else "a number"
        raise _Unusable(f"That is {_described(answer)}, not {asked}.") from error
    if not shape and array.size == 1:
        array = array.reshape(())
    if array.shape != shape:
        asked = f"should have {shape}" if shape else "one number is asked for"
        raise _Unusable(f"That has shape {array.shape}, but {asked}.")
    if not np.isfinite(array).all():
        raise _Unusable("That is not finite: it has a NaN or an infinity in it.")
    return array


def _read(text: str) -> float:
    """ "0.75", "0,75", "3/4", "75 %"."""
    number = text.strip().replace(",", ".")
    percent = number.endswith("%")
    number = number.removesuffix("%").strip()
    # Not all by Fraction: of "1e999999999" it would write down every digit.
    return float(Fraction(number) if "/" in number else number) / (100 if percent else 1)


def _described(answer: object) -> str:
    return (
        repr(answer)
        if answer is None or isinstance(answer, str)
        else f"of type {type(answer).__name__}"
    )
