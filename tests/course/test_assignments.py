"""Assignments: the exercises in their own words, each answer's cell known by its metadata."""

import nbformat
import pytest

from aslp_lib.course.exercises import EXERCISES, MODULES, Verdict, framework
from aslp_lib.course.grade import answers, confinement
from aslp_lib.course.publishing.assignments import METADATA, assignment


@pytest.fixture(params=MODULES, ids=lambda module: module.NOTEBOOK)
def module(request):
    return request.param


def test_it_is_a_notebook_that_asks_all_exercises_and_answers_none(module):
    notebook = assignment(module)
    nbformat.validate(notebook)
    answers = [cell for cell in notebook.cells if METADATA in cell.metadata]
    asked = [EXERCISES[cell.metadata[METADATA]["exercise"]] for cell in answers]
    assert asked == list(module.EXERCISES)
    assert [cell.source for cell in answers] == [exercise.cell for exercise in asked]
    text = "\n".join(cell.source for cell in notebook.cells)
    for exercise in asked:
        assert exercise.markdown in text
        lines = [line for line in exercise.solution.strip().splitlines() if "answer" in line]
        assert not {line for line in lines if "def " not in line} & set(text.splitlines())


def test_it_says_the_marks(module):
    first, *cells = assignment(module).cells
    functions = [exercise for exercise in module.EXERCISES if exercise.arguments]
    marks = len(module.EXERCISES) + 2 * len(functions)
    assert f"{len(module.EXERCISES)} exercises, {marks} marks" in first.source
    told = [cell.source.splitlines()[-1] for cell in cells if "Exercise: " in cell.source]
    assert told.count("(3 marks)") == len(functions)
    assert told.count("(1 mark)") == len(module.EXERCISES) - len(functions)


def test_it_says_the_limits(module):
    said = " ".join(assignment(module).cells[0].source.split())
    assert f"{answers.SECONDS:g} seconds, and a function {framework.SECONDS:g} for all" in said
    assert "one gigabyte" in said and confinement.MEMORY == 2**30


def test_it_is_made_the_same_every_time(module):
    assert nbformat.writes(assignment(module)) == nbformat.writes(assignment(module))


@pytest.mark.parametrize(
    ("name", "kind", "marks"),
    [
        ("03/floor", "right", 1),
        ("03/floor", "close", 0.5),
        ("03/floor", "mistake", 0),
        ("03/floor", "unusable", 0),
        ("03/ascent", "right", 3),
        ("03/ascent", "open", 0),
    ],
)
def test_marks(name, kind, marks):
    assert EXERCISES[name].earned(Verdict(kind, "")) == marks
