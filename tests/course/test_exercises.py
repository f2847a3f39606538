"""Every exercise: its right answer, equals of it, its typical mistakes, and what is no answer."""

import dataclasses
import math
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
import torch

from aslp_lib.course import exercises
from aslp_lib.course.exercises import EXERCISES, Exercise, framework

NUMBERS = [e for e in EXERCISES.values() if not e.arguments]
FUNCTIONS = [e for e in EXERCISES.values() if e.arguments]


def by_name(exercise: Exercise) -> str:
    return exercise.name


def values(answer, exercise: Exercise) -> np.ndarray:
    return np.concatenate([np.ravel(answer(*point)) for point in exercise.grid])


@pytest.fixture(params=EXERCISES.values(), ids=by_name)
def exercise(request) -> Exercise:
    return request.param


def as_answer(function, exercise: Exercise):
    return function if exercise.arguments else float(function())


def test_names_are_their_notebooks(exercise):
    (module,) = [m for m in exercises.MODULES if exercise in m.EXERCISES]
    assert exercise.name.split("/")[0] == module.NOTEBOOK[:2]


def test_the_solution_is_right_and_is_told_why(exercise):
    space = {}
    exec(exercise.solution, space)
    verdict = exercises.check(exercise.name, space["answer"])
    assert verdict.kind == "right"
    assert exercise.why in verdict.text


def test_each_mistake_gets_its_own_hint(exercise):
    hints = [mistake.hint for mistake in exercise.mistakes]
    assert len({*hints, exercise.hint}) == len(hints) + 1 >= 4
    for mistake in exercise.mistakes:
        verdict = exercise.check(as_answer(mistake.answer, exercise))
        assert verdict.kind == "mistake"
        assert mistake.hint in verdict.text


def test_no_answer_can_be_taken_for_another(exercise):
    answers = [exercise.right, *(mistake.answer for mistake in exercise.mistakes)]
    tables = [values(answer, exercise) for answer in answers]
    for i, first in enumerate(tables):
        assert np.isfinite(first).all()
        for second in tables[:i]:
            assert np.abs(first - second).max() > 2 * exercise.tolerance


def test_any_other_answer_gets_the_general_hint_or_that_of_a_property_it_breaks(exercise):
    def odd(*point):
        return exercise.right(*point) + 37.123

    verdict = exercise.check(as_answer(odd, exercise))
    broken = [each.hint for each in exercise.properties if each.hint in verdict.text]
    assert verdict.kind == ("mistake" if broken else "wrong")
    assert broken or exercise.hint in verdict.text


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "nearly all",
        "1/0",
        "1e999999999",
        "nan",
        True,
        math.nan,
        math.inf,
        [0.1, 0.2],
        torch.zeros(2, 2),
        1j,
        {},
        [[1], [2, 3]],
    ],
    ids=repr,
)
def test_what_is_no_answer_is_told_what_was_expected(exercise, answer):
    verdict = exercise.check((lambda *_: answer) if exercise.arguments else answer)
    assert verdict.kind == "unusable"
    assert exercise.expects in verdict.text


def test_three_dots_are_not_answered_yet(exercise):
    assert exercise.check(...).kind == "open"
    space = {"exercises": exercises}
    exec(exercise.cell, space)  # the learner's cell as it stands in the notebook
    assert exercise.check(space["answer"]).kind == "open"


@pytest.mark.parametrize("exercise", NUMBERS, ids=by_name)
def test_equal_numbers_are_equally_right(exercise):
    right = float(exercise.right())
    for equal in (
        Fraction(right).limit_denominator(100_000),
        np.float32(right),
        np.array([right]),
        torch.tensor(right),
        torch.tensor([[right]], requires_grad=True),
        f"{right:.6f}",
        f" {right:.6f} ".replace(".", ","),
        f"{100 * right:.4f} %",
        str(Fraction(right).limit_denominator(100_000)),
        right + 0.9 * exercise.tolerance,
        right - 0.9 * exercise.tolerance,
    ):
        assert exercise.check(equal).kind == "right", equal
    assert exercise.check(right + 1.1 * exercise.tolerance).kind != "right"


def doubled(**changes) -> Exercise:
    """An exercise on functions that return arrays: twice an array."""
    asked = {
        "name": "00/doubled",
        "title": "twice",
        "question": "Twice x.",
        "right": lambda x: 2 * x,
        "tolerance": 1e-6,
        "expects": "a function that returns an array",
        "mistakes": (exercises.Mistake(lambda x: x + 2, "That adds."),),
        "properties": (
            exercises.Property(lambda f: (f(np.zeros(3)) == 0).all(), "Of zeros it is zero."),
            exercises.Property(lambda f: (f(-np.ones(2)) < 0).all(), "The sign stays."),
        ),
        "hint": "Count again.",
        "why": "Twice is twice.",
        "solution": "",
        "arguments": ("x",),
        "grid": tuple((each,) for each in exercises.read_only([1.0, 3.0], [0.5, 7.0, 9.0])),
    }
    return Exercise(**{**asked, **changes})


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (lambda x: x + x, "right", "Twice is twice."),
        (lambda x: torch.tensor(2 * x, requires_grad=True), "right", "Twice is twice."),
        (lambda x: (2 * x).tolist(), "right", "Twice is twice."),
        (lambda x: x + 2, "mistake", "That adds."),
        (lambda x: x + 1, "mistake", "Of zeros it is zero."),
        (lambda x: x**2, "mistake", "The sign stays."),
        (lambda x: 2.1 * x, "wrong", "differs at case 1 of 2 (x). Count again."),
        (lambda x: ..., "open", "Not answered yet"),
        (lambda x: 2 * x[:1], "unusable", "shape (1,), but should have (2,)"),
        (lambda x: 2.0, "unusable", "shape (), but should have (2,)"),
        (lambda x: x * np.nan, "unusable", "a NaN or an infinity"),
        (lambda x: "2x", "unusable", "not an array of numbers"),
        (lambda x: x.resize(9), "unusable", "raised ValueError"),
        (lambda x: exit(), "unusable", "raised SystemExit"),
    ],
)
def test_functions_that_return_arrays(answer, kind, said):
    verdict = doubled().check(answer)
    assert verdict.kind == kind
    assert said in verdict.text


@pytest.mark.parametrize(
    ("expects", "kind"), [("a function that returns a share", "close"), ("a number", "wrong")]
)
def test_a_function_of_shares_may_be_told_that_its_result_is_in_percent(expects, kind):
    verdict = doubled(expects=expects, properties=()).check(lambda x: 200 * x)
    assert verdict.kind == kind
    assert ("in percent" in verdict.text) == (kind == "close")


def test_an_error_in_a_property_s_case_is_told_too():
    def only_positive(x):
        return x + 5 if (x > 0).all() else 1 / 0

    assert "ZeroDivisionError" in doubled().check(only_positive).text


class TestNothingIsRaised:
    def test_by_an_answer_s_own_conversion(self):
        class Odd:
            def __float__(self):
                raise KeyError("odd")

        assert EXERCISES["03/confidence"].check(Odd()).kind == "unusable"

    @pytest.mark.parametrize("handler", [Exception, BaseException])
    def test_nor_waited_for_without_end(self, monkeypatch, handler):
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

        monkeypatch.setattr(framework, "SECONDS", 0.2)
        verdict = doubled().check(stubborn)
        assert verdict.kind == "unusable"
        assert "stopped after 0.2 seconds" in verdict.text
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)

    def test_in_a_thread_nothing_is_stopped(self):
        with ThreadPoolExecutor(1) as pool:
            verdict = pool.submit(doubled().check, lambda x: 2 * x).result()
        assert verdict.kind == "right"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (0.1429, "Right"),
        ("1/7", "Right"),
        ("14.29 %", "Right"),
        (14.29, "write 14.29 % or 0.1429"),
        (0.14, "give more digits"),
        (0.13, "Count again"),
        (0.1, "Count again"),
    ],
)
def test_a_number_may_be_a_fraction_a_percentage_or_too_short(answer, said):
    seventh = doubled(right=lambda: 1 / 7, arguments=(), grid=((),), mistakes=(), tolerance=1e-3)
    asked = dataclasses.replace(seventh, expects="a share in [0, 1]")
    assert said in asked.check(answer).text


@pytest.mark.parametrize("exercise", FUNCTIONS, ids=by_name)
class TestFunction:
    def test_equal_functions_are_equally_right(self, exercise):
        def tensor(*point):
            return torch.as_tensor(exercise.right(*point))

        assert exercise.check(tensor).kind == "right"

    def test_its_errors_are_reported_kindly(self, exercise):
        def broken(*point):
            return 1 / 0

        verdict = exercise.check(broken)
        assert verdict.kind == "unusable"
        assert "ZeroDivisionError" in verdict.text
        assert exercise.arguments[0] in verdict.text

    def test_a_number_is_no_function(self, exercise):
        assert "function" in exercise.check(0.5).text

    def test_a_wrong_function_is_told_where(self, exercise):
        last = exercise.grid[-1]

        def wrong_at_the_end(*point):
            return exercise.right(*point) + all(a is b for a, b in zip(point, last, strict=True))

        verdict = exercise.check(wrong_at_the_end)
        name, value, cases = exercise.arguments[0], last[0], len(exercise.grid)
        plain = not isinstance(value, np.ndarray)
        where = f"{name} = {value:g}" if plain else f"case {cases} of {cases} ({name}, "
        assert f"differs at {where}" in verdict.text

    def test_it_cannot_change_what_it_is_given(self, exercise):
        arrays = [each for point in exercise.grid for each in point if isinstance(each, np.ndarray)]
        assert not any(array.flags.writeable for array in arrays)


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"no exercise '03/nothing': there are .*03/confidence"):
        exercises.check("03/nothing", 1)
