"""An exercise: a question, the right answer computed from the library, and a hint for each mistake.

The learner predicts, assigns the prediction to `answer`, and asks. Three dots (`...`) mean "not
answered yet". A verdict is never only pass or fail: a right answer is told why it is right, a
typical mistake gets its own hint, any other number the general one, and what is no answer at all is
told what was expected.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, SupportsFloat, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Kind = Literal["open", "right", "mistake", "wrong", "unusable"]
Point = tuple[float | NDArray[np.float64], ...]
Answer = Callable[..., SupportsFloat]
"""Of an exercise's arguments; of nothing, where a number is asked for."""


@dataclass(frozen=True)
class Verdict:
    """What the check says; a notebook shows its text."""

    kind: Kind
    text: str

    def __repr__(self) -> str:
        return textwrap.fill(self.text, 92)


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that is often given, computed as the learner computes it, and its hint."""

    answer: Answer
    hint: str


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One exercise. The answer is a number, or a function of `arguments` checked on `grid`.

    Args:
        name: "NN/word", NN the notebook's number.
        title: a few words.
        question: markdown.
        right: the right answer as a function of the arguments (of nothing, for a number), computed
            from `aslp_lib` and never typed in, so that a changed formula shows.
        tolerance: how far an answer may be off, in the answer's units.
        expects: what kind of answer makes sense, units included: "a share in [0, 1]".
        mistakes: the typical ones; no two answers may be within twice the tolerance.
        hint: for any other wrong answer.
        why: why the right answer is right.
        solution: code that sets `answer`, imports included.
        arguments: names of the function's arguments; none for a number.
        grid: values of the arguments at which a function is compared: numbers, or arrays.
    """

    name: str
    title: str
    question: str
    right: Answer
    tolerance: float
    expects: str
    mistakes: tuple[Mistake, ...]
    hint: str
    why: str
    solution: str
    arguments: tuple[str, ...] = ()
    grid: tuple[Point, ...] = ((),)

    @property
    def markdown(self) -> str:
        """The question's cell."""
        return f"### Exercise: {self.title}\n\n{self.question.strip()}"

    @property
    def cell(self) -> str:
        """The learner's code cell, not answered yet."""
        start = f"def answer({', '.join(self.arguments)}):\n    return ..."
        return self._with_check(start if self.arguments else "answer = ...")

    @property
    def solution_cell(self) -> str:
        """The same cell, answered."""
        return self._with_check(self.solution.strip())

    def check(self, answer: object) -> Verdict:
        """The verdict on an answer. It raises nothing: whatever is no answer gets a verdict too."""
        try:
            given = self._given(answer)
        except _Unusable as problem:
            return Verdict("unusable", f"{problem} Expected: {self.expects}.")
        if given is None:
            return Verdict("open", "Not answered yet: put your answer in place of the three dots.")
        point = self._differs(given, self.right)
        if point is None:
            found = "" if self.arguments else f" {given[0]:.4g}."
            return Verdict("right", f"Right:{found} {self.why}")
        for mistake in self.mistakes:
            if self._differs(given, mistake.answer) is None:
                return Verdict("mistake", f"Not yet. {mistake.hint}")
        where = f"It differs at {self._at(point)}. "
        return Verdict("wrong", f"Not yet. {where if self.arguments else ''}{self.hint}")

    def _with_check(self, code: str) -> str:
        gap = "\n\n\n" if code.splitlines()[-1].startswith(" ") else "\n"
        return f'{code}{gap}exercises.check("{self.name}", answer)'

    def _given(self, answer: object) -> list[float] | None:
        """The answer at each point of the grid; None while it is open."""
        if answer is ...:
            return None
        if not self.arguments:
            return [as_number(answer)]
        if not callable(answer):
            raise _Unusable(
                f"That is {_described(answer)}, but a function of {', '.join(self.arguments)} is "
                "asked for."
            )
        values = [self._call(answer, point) for point in self.grid]
        given = [value for value in values if value is not None]
        return given if len(given) == len(values) else None

    def _call(self, answer: Callable[..., object], point: Point) -> float | None:
        """The learner's function at a point; its errors become words."""
        try:
            value = answer(*point)
        except Exception as error:  # anything can happen in a learner's function
            kind = "plain numbers" if _plain(point) else "arrays of numbers"
            raise _Unusable(
                f"At {self._at(point)} your function raised {type(error).__name__}: {error}. It is "
                f"called with {kind}, in this order."
            ) from error
        try:
            return None if value is ... else as_number(value)
        except _Unusable as problem:
            raise _Unusable(f"At {self._at(point)} your function's result: {problem}") from problem

    def _differs(self, given: list[float], other: Answer) -> Point | None:
        """The first point of the grid at which the answer is not the other one."""
        for value, point in zip(given, self.grid, strict=True):
            if not abs(value - float(other(*point))) <= self.tolerance:
                return point
        return None

    def _at(self, point: Point) -> str:
        if not _plain(point):
            (number,) = (i for i, each in enumerate(self.grid, start=1) if each is point)
            return f"case {number} of {len(self.grid)} ({', '.join(self.arguments)})"
        pairs = zip(self.arguments, point, strict=True)
        return ", ".join(f"{name} = {value:g}" for name, value in pairs)


def read_only(*values: Sequence[float] | NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Arrays for a point of a grid, which no answer can change."""
    arrays = tuple(np.array(each, dtype=np.float64) for each in values)
    for array in arrays:
        array.setflags(write=False)
    return arrays


def _plain(point: Point) -> bool:
    return not any(isinstance(value, np.ndarray) for value in point)


class _Unusable(Exception):
    """An answer that is no answer; the message says what it is instead."""


def as_number(answer: object) -> float:
    """A finite number from what a learner may give: numbers, fractions, numpy, torch, sympy.

    Raises:
        _Unusable: several numbers, text, a truth value, NaN or infinity, or anything else.
    """
    if isinstance(answer, list | tuple):
        if len(answer) != 1:
            raise _Unusable(f"That is {len(answer)} things, but one number is asked for.")
        return as_number(answer[0])
    if isinstance(answer, Tensor | np.ndarray):
        if math.prod(answer.shape) != 1:
            shape = tuple(answer.shape)
            raise _Unusable(f"That has shape {shape}, but one number is asked for.")
        answer = answer.item()
    if isinstance(answer, bool | np.bool_ | str | bytes | complex):
        raise _Unusable(f"That is {_described(answer)}, not a number.")
    try:
        number = float(cast(SupportsFloat, answer))
    except (TypeError, ValueError, OverflowError) as error:
        raise _Unusable(f"That is {_described(answer)}, not a number.") from error
    if not math.isfinite(number):
        raise _Unusable(f"That is {number}, not a finite number.")
    return number


def _described(answer: object) -> str:
    return "None" if answer is None else f"of type {type(answer).__name__}"
