"""Exercises: a learner predicts an answer, and a check explains it.

    answer = 2.25
    exercises.check("sc_bce/variance", answer)

Each lesson has its exercises in two files of its folder: their texts and solutions in
`exercises.md`, and what checks an answer in `exercises.py`. The first exercise stands in the
notebook; `further` shows the others, which are for homework and assignments. The notebook of
solutions is made from all of them (`python -m aslp_lib.course.publishing.solutions`).

The right answer is computed by the library. The learner assigns a prediction to `answer` and checks
it; three dots (`...`) mean "not answered yet". A verdict always says more than pass or fail. It
explains a right answer, gives a typical mistake its own hint, names a property that the answer
violates, and asks for more digits where there are too few. Any other wrong answer gets the general
hint; for a value that cannot be an answer, the verdict says what was expected.
"""

import io
import re
import signal
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NoReturn, SupportsFloat, cast

import numpy as np
from IPython.display import Markdown
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from aslp_lib.course.lessons import LESSONS

Array = NDArray[np.float64]
Point = tuple[Any, ...]
"""Arguments of an answer: numbers and arrays."""
Answer = Callable[..., SupportsFloat | Array]
"""A function of an exercise's arguments, or without arguments if the answer is a number."""
Property = Callable[[Callable[..., Array]], bool]
"""Test that every right answer passes; the answer is a function that returns arrays."""

SECONDS = 10.0
"""Time limit, in seconds, for a learner's function on all points of a grid together."""


@dataclass(frozen=True)
class Verdict:
    """The result of a check; a notebook shows its text."""

    kind: Literal["open", "right", "mistake", "close", "wrong", "unusable"]
    text: str

    def __repr__(self) -> str:
        return textwrap.fill(self.text, 92)


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """An exercise whose answer is a number, or a function of `arguments` that is checked on `grid`.

    A function returns a number or an array.

    Args:
        name: "lesson/word", with a name of `LESSONS`.
        title: title of a few words.
        question: the question, in Markdown.
        right: the right answer as a function of the arguments, or without arguments for a number.
            It is computed by `aslp_lib` and never typed in, so that it follows a changed formula.
        expects: kind and units of a meaningful answer, or of what the function returns. A share is
            also recognised in percent.
        tolerance: largest accepted error of an answer, in its units.
        mistakes: hint -> a typical wrong answer, computed as the learner computes it: a function of
            the arguments, or a number. No two answers may be within twice the tolerance.
        hint: hint for any other wrong answer.
        why: explanation of the right answer.
        solution: code that sets `answer`, imports included; the exercise's arguments are those of
            its function `answer`.
        alternative: code that sets `answer` in another way, after a comment that says how, or "".
        grid: values of the arguments at which a function is checked: numbers, or arrays.
        properties: hint -> a property; they are tested in order if a function is not a typical
            mistake.
    """

    name: str
    title: str
    question: str
    right: Answer
    expects: str = "a share in [0, 1], such as 0.25"
    tolerance: float = 0.001
    mistakes: Mapping[str, Answer | SupportsFloat]
    hint: str
    why: str
    solution: str
    alternative: str = ""
    grid: tuple[Point, ...] = ((),)
    properties: Mapping[str, Property] = field(default_factory=dict)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the function's arguments; empty for a number."""
        function = re.search(r"^def answer\((.+)\):$", self.solution, re.MULTILINE)
        return tuple(function[1].split(", ")) if function else ()

    @property
    def markdown(self) -> str:
        """Markdown of the question's cell."""
        return f"### Exercise: {self.title}\n\n{self.question}"

    @property
    def cell(self) -> str:
        """Code of the learner's cell, not answered yet."""
        return self._with_check(self.blank)

    @property
    def blank(self) -> str:
        """Code that sets `answer` to an answer that is still open."""
        function = f"def answer({', '.join(self.arguments)}):\n    return ..."
        return function if self.arguments else "answer = ..."

    @property
    def solution_cells(self) -> list[str]:
        """Code of the learner's cell with the solution, and with the alternative, if any."""
        return [self._with_check(code) for code in (self.solution, self.alternative) if code]

    @property
    def errors(self) -> str:
        """Markdown of the typical mistakes: their hints, and the answers if they are numbers."""
        lines = ["**Typical errors**\n"]
        for hint, mistake in self.mistakes.items():
            text = re.sub(r"(?<=\w)\*(?=\w)", r"\\*", hint)
            if not self.arguments:
                text = f"`{float(mistake() if callable(mistake) else mistake):.3g}`: {text}"
            lines.append(f"- {text}")
        return "\n".join(lines)

    @property
    def marks(self) -> int:
        """Marks for a right answer; a function takes more work than a number."""
        return 3 if self.arguments else 1

    def grade(self, answer: object) -> float:
        """Return the marks that an answer earns, and print the verdict.

        A right answer earns all marks. A right answer in percent or with too few digits earns half.
        nbgrader takes the marks from the result of a test cell. It gives no marks to a test cell
        that writes to stderr, so anything that the learner's function writes there is discarded.

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
        """Return the verdict on an answer, without raising.

        Any value gets a verdict, and a function that does not end is stopped.
        """
        self.right(*self.grid[0])  # The first call may import scipy, outside the time limit.
        try:
            with _time_limit(SECONDS):
                return self._verdict(answer)
        except _Open:
            return Verdict("open", "Not answered yet: put your answer in place of the three dots.")
        except _Unusable as problem:
            function = "a function that returns " if self.arguments else ""
            return Verdict("unusable", f"{problem} Expected: {function}{self.expects}.")

    def _verdict(self, answer: object) -> Verdict:
        values = self._values(answer)
        point = self._first_difference(values, self.right)
        if point is None:
            value = "" if self.arguments else f" {values[0]:.4g}."
            return Verdict("right", f"Right:{value} {self.why}")
        for hint, mistake in self.mistakes.items():
            if self._first_difference(values, mistake) is None:
                return Verdict("mistake", f"Not yet. {hint}")
        hundredths = [number / 100 for number in values]
        if "share" in self.expects and self._first_difference(hundredths, self.right) is None:
            advice = "divide what you return by 100"
            if not self.arguments:
                advice = f"write {values[0]:g} % or {hundredths[0]:g}"
            return Verdict("close", f"Right, in percent: {advice}.")
        if not self.arguments and self._is_rounded(float(values[0])):
            return Verdict("close", "Close: give more digits.")
        for hint, holds in self.properties.items():
            if not holds(lambda *point: self._call(cast(Callable, answer), point)):
                return Verdict("mistake", f"Not yet. {hint}")
        where = f" It differs at {self._at(point)}." if self.arguments else ""
        return Verdict("wrong", f"Not yet.{where} {self.hint}")

    def _is_rounded(self, value: float) -> bool:
        """Return whether a number is the right one with too few digits."""
        right = float(self.right())
        digits = next((d for d in range(1, 9) if round(value, d) == value), 9)
        return round(right, digits) == value and abs(value - right) < 0.1 * abs(right)

    def _with_check(self, code: str) -> str:
        gap = "\n\n\n" if code.splitlines()[-1].startswith(" ") else "\n"
        return f'{code}{gap}exercises.check("{self.name}", answer)'

    def _values(self, answer: object) -> list[Array]:
        """Return the answer at each point of the grid."""
        if answer is ... or not self.arguments:
            return [as_array(answer)]
        if not callable(answer):
            raise _Unusable(
                f"That is {_described(answer)}, but a function of {', '.join(self.arguments)} is "
                "asked for."
            )
        return [self._call(answer, point) for point in self.grid]

    def _call(self, answer: Callable[..., object], point: Point) -> Array:
        """Call the learner's function at a point.

        Raises:
            _Open: the function returned three dots.
            _Unusable: the function raised, or its result is not an answer.
        """
        try:
            value = answer(*point)
        except (Exception, SystemExit) as error:  # anything can happen in a learner's function
            kind = "plain numbers" if _has_only_numbers(point) else "arrays of numbers"
            raise _Unusable(
                f"At {self._at(point)} your function raised {type(error).__name__}: {error}. It is "
                f"called with {kind}, in this order."
            ) from error
        try:
            return as_array(value, np.shape(cast(Array, self.right(*point))))
        except _Unusable as problem:
            raise _Unusable(f"At {self._at(point)} your function's result: {problem}") from problem

    def _first_difference(
        self, values: list[Array], answer: Answer | SupportsFloat
    ) -> Point | None:
        """Return the first point of the grid at which the answer is not the expected one."""
        for value, point in zip(values, self.grid, strict=True):
            expected = np.asarray(answer(*point) if callable(answer) else answer, dtype=float)
            if not (abs(value - expected) <= self.tolerance).all():
                return point
        return None

    def _at(self, point: Point) -> str:
        """Describe a point of the grid; arrays are not written out."""
        if not _has_only_numbers(point):
            number = next((i for i, case in enumerate(self.grid, start=1) if case is point), None)
            place = "a case" if number is None else f"case {number} of {len(self.grid)}"
            return f"{place} ({', '.join(self.arguments)})"
        pairs = zip(self.arguments, point, strict=True)
        return ", ".join(f"{name} = {value:g}" for name, value in pairs)


def exercise(name: str, *, mistakes: Mapping[str, Any], **checks: Any) -> Exercise:
    """Make an exercise from its section in the `exercises.md` of its lesson.

    The section is headed "## word: title" and begins with the question. The parts headed Hints,
    Why, Solution and, if there is one, Alternative follow. The last two are blocks of Python.
    Hints are a list whose items begin with the name of a mistake or of a property; "other" is the
    hint for any other wrong answer.

    Args:
        name: "lesson/word".
        mistakes: name of a mistake -> a typical wrong answer.
        checks: the other arguments of `Exercise` that check an answer; `properties` by their names.

    Raises:
        KeyError: there is no hint for a mistake or a property.
    """
    lesson, word = name.split("/")
    path = Path(__file__).parent / "lessons" / lesson / "exercises.md"
    pages = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (page,) = (page for page in pages if page.startswith(f"{word}: "))
    first, *parts = re.split(r"^### (\w+)$", page, flags=re.MULTILINE)
    title, _, question = first.removeprefix(f"{word}: ").partition("\n")
    texts = {heading: text.strip() for heading, text in zip(parts[::2], parts[1::2], strict=True)}
    items = re.findall(r"^- (.+?): (.+?)(?=^- |\Z)", texts["Hints"], re.MULTILINE | re.DOTALL)
    hints = {item: " ".join(text.split()) for item, text in items}
    solutions = (texts.get(heading, "") for heading in ("Solution", "Alternative"))
    solution, alternative = (re.sub(r"```(?:python)?\n?", "", code).strip() for code in solutions)
    properties = checks.pop("properties", {})
    return Exercise(
        name=name,
        title=title,
        question=question.strip(),
        mistakes={hints[mistake]: wrong for mistake, wrong in mistakes.items()},
        properties={hints[item]: holds for item, holds in properties.items()},
        hint=hints["other"],
        why=" ".join(texts["Why"].split()),
        solution=solution,
        alternative=alternative,
        **checks,
    )


def of_lesson(lesson: str) -> tuple[Exercise, ...]:
    """Return the exercises of a lesson; the first one stands in its notebook.

    Raises:
        ValueError: there is no such lesson.
    """
    if lesson not in LESSONS:
        raise ValueError(f"no lesson {lesson!r}; expected one of {', '.join(LESSONS)}")
    return import_module(f"aslp_lib.course.lessons.{lesson}.exercises").EXERCISES


def find(name: str) -> Exercise:
    """Return the exercise of this name.

    Raises:
        ValueError: there is no such exercise.
    """
    exercises = {exercise.name: exercise for exercise in of_lesson(name.partition("/")[0])}
    if name not in exercises:
        raise ValueError(f"no exercise {name!r}; expected one of {', '.join(exercises)}")
    return exercises[name]


def check(name: str, answer: object) -> Verdict:
    """Check an answer to the exercise of this name.

    Raises:
        ValueError: there is no such exercise.
    """
    return find(name).check(answer)


def further(lesson: str) -> Markdown:
    """Show the questions of the exercises that do not stand in a notebook, each with its cell.

    Raises:
        ValueError: there is no such lesson.
    """
    return Markdown(
        "\n\n".join(
            f"**{exercise.title[:1].upper()}{exercise.title[1:]}.** {exercise.question}\n\n"
            f"```python\n{exercise.cell}\n```"
            for exercise in of_lesson(lesson)[1:]
        )
    )


def read_only(*values: ArrayLike) -> tuple[Array, ...]:
    """Make read-only arrays for a point of a grid, so that no answer can change them."""
    arrays = tuple(np.array(value, dtype=np.float64) for value in values)
    for array in arrays:
        array.setflags(write=False)
    return arrays


def unchanged(
    case: Point,
    change: Callable[..., Point],
    back: Callable[[Array], Array] = lambda result: result,
) -> Property:
    """Make the property that an answer is unchanged by a transformation of its arguments.

    Args:
        case: the arguments.
        change: transforms the arguments.
        back: transforms the result back, before it is compared.
    """

    def holds(answer: Callable[..., Array]) -> bool:
        changed = (
            read_only(value)[0] if isinstance(value, np.ndarray) else value
            for value in change(*case)
        )
        return bool(np.allclose(back(answer(*changed)), answer(*case), atol=1e-6))

    return holds


def _has_only_numbers(point: Point) -> bool:
    return not any(isinstance(value, np.ndarray) for value in point)


class _Open(Exception):
    """The answer is three dots."""


class _Unusable(Exception):
    """A value that cannot be an answer; the message describes the value."""


class _TimeIsUp(BaseException):
    """The time limit was reached. A learner's function may catch any `Exception`, but not this."""


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Stop code that exceeds a time limit, if the system has a timer and this is the main thread.

    Notebook cells run in the main thread; elsewhere nothing is stopped.
    """

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise _TimeIsUp

    if not hasattr(signal, "setitimer") or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    handler = signal.signal(signal.SIGALRM, stop)
    # The timer repeats, because a bare `except` in a loop can catch the first signal.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    except _TimeIsUp as error:
        raise _Unusable(
            f"Your function was stopped after {seconds:g} seconds. Does its loop end?"
        ) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def as_array(answer: object, shape: tuple[int, ...] = ()) -> Array:
    """Convert a learner's answer to an array.

    Numbers, fractions, nested lists, numpy, torch and sympy are accepted, and text such as "0.75",
    "3/4" or "75 %".

    Args:
        shape: shape of the result; for a single number, an array with one entry is accepted too.

    Raises:
        _Open: the answer is three dots.
        _Unusable: the answer has another shape, or is not made of finite numbers.
    """
    if answer is ...:
        raise _Open
    try:
        if answer is None or isinstance(answer, bool | np.bool_ | bytes):
            raise TypeError
        if isinstance(answer, Tensor):
            answer = answer.detach().numpy(force=True)
        value = _read(answer) if isinstance(answer, str) else answer
        array = np.array(value, dtype=np.float64)
    except Exception as error:  # raised by the conversion of any type
        expected = "an array of numbers" if shape else "a number"
        raise _Unusable(f"That is {_described(answer)}, not {expected}.") from error
    if not shape and array.size == 1:
        array = array.reshape(())
    if array.shape != shape:
        reason = f"should have {shape}" if shape else "one number is asked for"
        raise _Unusable(f"That has shape {array.shape}, but {reason}.")
    if not np.isfinite(array).all():
        raise _Unusable("That is not finite: it has a NaN or an infinity in it.")
    return array


def _read(text: str) -> float:
    """Convert text such as "0.75", "0,75", "3/4" or "75 %" to a number."""
    number = text.strip().replace(",", ".")
    percent = number.endswith("%")
    number = number.removesuffix("%").strip()
    # Fraction would expand every digit of "1e999999999".
    return float(Fraction(number) if "/" in number else number) / (100 if percent else 1)


def _described(answer: object) -> str:
    if answer is None or isinstance(answer, str):
        return repr(answer)
    return f"of type {type(answer).__name__}"
