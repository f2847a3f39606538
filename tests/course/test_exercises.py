"""The framework of the exercises, and each exercise by its solution and its own mistakes."""

import math
import signal
import time
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import torch

from aslp_lib.course import exercises
from aslp_lib.course.exercises import Exercise, of_lesson
from aslp_lib.course.lessons import LESSONS

EXERCISES = [exercise for lesson in LESSONS for exercise in of_lesson(lesson)]


def value_of(answer, point):
    return np.asarray(answer(*point) if callable(answer) else answer, dtype=float)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_each_exercise_knows_its_solution_and_its_mistakes(exercise):
    assert exercise is exercises.find(exercise.name)
    space = {"exercises": exercises}
    exec(exercise.cell, space)  # the learner's cell as it stands in the notebook
    assert exercise.check(space["answer"]).kind == "open"
    for solution in filter(None, (exercise.alternative, exercise.solution)):
        exec(solution, space)
        verdict = exercise.check(space["answer"])
        assert verdict.kind == "right" and exercise.why in verdict.text

    answers = [exercise.right, *exercise.mistakes.values()]
    values = [
        np.concatenate([np.ravel(value_of(answer, point)) for point in exercise.grid])
        for answer in answers
    ]
    assert np.isfinite(values).all()
    for first, second in combinations(values, 2):
        assert np.abs(first - second).max() > 2 * exercise.tolerance
    assert exercise.hint not in exercise.mistakes and len(answers) >= 4
    for hint, mistake in exercise.mistakes.items():
        verdict = exercise.check(mistake if exercise.arguments else value_of(mistake, ()))
        assert verdict.kind == "mistake" and hint in verdict.text
        assert f"{hint}\n" in f"{exercise.errors}\n".replace("\\*", "*")
    for holds in exercise.properties.values():
        assert holds(lambda *point: np.asarray(exercise.right(*point)))
    arrays = [each for point in exercise.grid for each in point if isinstance(each, np.ndarray)]
    assert not any(array.flags.writeable for array in arrays)


def an_exercise(**changes) -> Exercise:
    """Twice an array, unless `changes` say otherwise."""
    doubled = Exercise(
        name="bill/doubled",
        title="twice",
        question="Twice x.",
        right=lambda x: 2 * x,
        tolerance=1e-6,
        expects="an array of shares",
        mistakes={"That adds.": lambda x: x + 2},
        properties={
            "Of zeros it is zero.": lambda f: (f(np.zeros(3)) == 0).all(),
            "The sign stays.": lambda f: (f(-np.ones(2)) < 0).all(),
        },
        hint="Count again.",
        why="Twice is twice.",
        solution="def answer(x):\n    return 2 * x",
        grid=tuple((each,) for each in exercises.read_only([1.0, 3.0], [0.5, 7.0, 9.0])),
    )
    return replace(doubled, **changes)


def raises_on_zeros(x):
    return x + 5 if (x > 0).all() else 1 / 0


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (lambda x: x + x, "right", "Twice is twice."),
        (lambda x: torch.tensor(2 * x, requires_grad=True), "right", "Twice is twice."),
        (lambda x: (2 * x).tolist(), "right", "Twice is twice."),
        (lambda x: x + 2, "mistake", "That adds."),
        (lambda x: x + 1, "mistake", "Of zeros it is zero."),
        (lambda x: x**2, "mistake", "The sign stays."),
        (lambda x: 200 * x, "close", "in percent"),
        (lambda x: 2.1 * x, "wrong", "differs at case 1 of 2 (x). Count again."),
        (lambda x: 2 * x + (len(x) > 2) * x / 100, "wrong", "differs at case 2 of 2 (x)"),
        (lambda x: ..., "open", "Not answered yet"),
        (lambda x: 2 * x[:1], "unusable", "shape (1,), but should have (2,)"),
        (lambda x: x * np.nan, "unusable", "a NaN or an infinity"),
        (lambda x: "2x", "unusable", "not an array of numbers"),
        (lambda x: x.resize(9), "unusable", "raised ValueError"),
        (lambda x: exit(), "unusable", "raised SystemExit"),
        (raises_on_zeros, "unusable", "ZeroDivisionError"),
        (0.5, "unusable", "function"),
    ],
)
def test_answers_that_are_functions(answer, kind, said):
    verdict = an_exercise().check(answer)
    assert (verdict.kind, said in verdict.text) == (kind, True), verdict.text


class RaisesAsFloat:
    def __float__(self):
        raise KeyError("odd")


SEVENTH = an_exercise(
    right=lambda: 1 / 7,
    solution="answer = 1 / 7",
    grid=((),),
    mistakes={},
    properties={},
    tolerance=1e-3,
    expects="a share in [0, 1]",
)
RIGHT = [0.1429, 1 / 7 + 9e-4, 1 / 7 - 9e-4, Fraction(1, 7), np.float32(1 / 7), np.array([1 / 7]),
         torch.tensor([[1 / 7]], requires_grad=True), "1/7", "14.29 %", " 0,142857 "]  # fmt: skip
NO_NUMBERS = [None, "nearly all", "1/0", "1e999999999", "nan", True, math.nan, math.inf, [0.1, 0.2],
              torch.zeros(2, 2), 1j, {}, [[1], [2, 3]], RaisesAsFloat()]  # fmt: skip


@pytest.mark.parametrize(
    ("answers", "kind", "said"),
    [
        (RIGHT, "right", "Twice is twice."),
        ([14.29], "close", "write 14.29 % or 0.1429"),
        ([0.14], "close", "give more digits"),
        ([1 / 7 + 1.1e-3, 0.13, 0.1], "wrong", "Count again"),
        (NO_NUMBERS, "unusable", "Expected: a share in [0, 1]"),
    ],
)
def test_answers_that_are_numbers(answers, kind, said):
    for answer in answers:
        verdict = SEVENTH.check(answer)
        assert (verdict.kind, said in verdict.text) == (kind, True), (answer, verdict.text)


@pytest.mark.parametrize("handler", [Exception, BaseException])
def test_a_function_that_does_not_end_is_stopped(monkeypatch, handler):
    def stubborn(x):
        end = time.monotonic() + 20
        try:
            while time.monotonic() < end:
                pass
        except handler:  # the first time only
            pass
        while time.monotonic() < end:
            pass
        return 2 * x

    monkeypatch.setattr(exercises, "SECONDS", 0.2)
    verdict = an_exercise().check(stubborn)
    assert verdict.kind == "unusable" and "stopped after 0.2 seconds" in verdict.text
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no exercise 'sc_bce/nothing'; .*sc_bce/threshold"):
        exercises.check("sc_bce/nothing", 1)
    with pytest.raises(ValueError, match=r"no lesson '03'; .*bill, confidence"):
        exercises.further("03")
