"""Assignments: nbgrader accepts them, and grades a class with hand-ins that attack it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from aslp_lib.course.exercises import find, of_lesson
from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.publishing import assignments

ASSIGNED = [lesson for lesson in LESSONS if of_lesson(lesson)]
NAME = "label_perturbation"
FILE = f"{NAME}.ipynb"


@pytest.mark.parametrize("lesson", ASSIGNED)
def test_a_class_is_given_questions_with_marks_and_no_solutions(lesson):
    from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions

    notebook = assignments.assignment(lesson)
    nbformat.validate(notebook)
    CheckCellMetadata(enabled=True)(notebook, {})
    cells = {cell.id: cell for cell in notebook.cells}
    solutions = {name: cell.source for name, cell in cells.items()}
    ClearSolutions(enabled=True, code_stub={"python": ""})(notebook, {})
    total = 0
    for exercise in of_lesson(lesson):
        name, marks = exercise.name.replace("/", "-"), 3 if exercise.arguments else 1
        question, answer, test = (f"{part}-{name}" for part in ("question", "answer", "test"))
        total += marks
        assert exercise.question.strip() in cells[question].source
        assert f"({marks} mark" in cells[question].source
        assert cells[answer].source.strip() == exercise.blank
        names = {}
        exec(solutions[answer], names)
        assert exercise.grade(names["answer"]) == cells[test].metadata.nbgrader.points == marks
    assert f"{len(of_lesson(lesson))} exercises, {total} marks" in cells["instructions"].source


def test_too_few_digits_earn_half_and_a_wrong_answer_raises_its_hint(capsys):
    assert find("adaptive_alpha/gap").grade(0.09) == 0.5
    assert "more digits" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="sign is wrong"):
        find("adaptive_alpha/gap").grade(0.0125)


def test_a_second_call_keeps_what_a_teacher_edited_and_names_it(elsewhere):
    assert list(assignments.write_assignments()) == []
    files = {path: path.read_bytes() for path in Path("grading").rglob("*.*")}
    assert len(files) == len(ASSIGNED) + 1
    edited, deleted = (path for path in files if path.parent.name in (NAME, "training"))
    edited.write_text("edited")
    deleted.unlink()
    (told,) = assignments.write_assignments()
    assert f"kept: {edited}, which differs" in told
    assert {path: path.read_bytes() for path in files} == files | {edited: b"edited"}


@pytest.fixture
def nbgrader(tmp_path, monkeypatch):
    """Write the assignments; a function that runs a command and returns what it logs.

    The environment is not activated: nothing of it is found through PATH.
    """
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.chdir(tmp_path)
    list(assignments.write_assignments())
    monkeypatch.chdir("grading")

    def run(command, fails=False):
        words = [sys.executable, "-m", "nbgrader", *command.split()]
        result = subprocess.run(words, capture_output=True, text=True)
        assert (result.returncode != 0) == fails, result.stderr
        return result.stderr

    return run


def hand_in(student, answers, edit_tests=False):
    """Hand in the released notebook with answers, given by the second part of an exercise's name,
    and write into the test cells what could make nbgrader give marks."""
    notebook = nbformat.read(Path("release", NAME, FILE), 4)
    cells = {cell.id.removeprefix(f"answer-{NAME}-"): cell for cell in notebook.cells}
    for word, source in answers.items():
        cells[word].source = source
        if edit_tests:
            test = cells[f"test-{NAME}-{word}"]
            test.source, test.metadata.nbgrader.points = "1.0", 100
            test.metadata.tags = ["skip-execution"]  # nbclient skips cells with this tag
    path = Path("submitted", student, NAME, FILE)
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


ATTACK = """
import time
from aslp_lib.course.exercises import Exercise
Exercise.grade = lambda exercise, answer: 1.0
answer = lambda *point: print(3.0) or 0.0
time.sleep(1e6)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.fault
def test_a_class_with_attackers(nbgrader):
    """A hand-in whose cells never end, print marks, or edit test cells or the checker earns nothing
    by it, nor does one that ends its kernel, and the others get their marks."""
    nbgrader(f"generate_assignment {NAME}")
    solutions = {each.name.partition("/")[2]: each.solution for each in of_lesson(NAME)}
    hand_in("right", solutions)
    warning = "import sys\n    print('warning', file=sys.stderr)\n    return "
    hint, mistake = next(iter(find(f"{NAME}/one_pixel").mistakes.items()))
    partly = {"disturb": "answer = 15", "one_pixel": f"answer = {mistake()}"}
    hand_in("half", partly | {"switch": solutions["switch"].replace("return ", warning)})
    hand_in("ends", solutions | {"one_pixel": "import os\nos._exit(0)"})
    attacks = {
        "switch": ATTACK,
        "disturb": "answer = 1.0\nprint(answer)\nanswer",
        "one_pixel": "answer = type('', (), {'__float__': lambda self: time.sleep(1e6)})()",
    }
    hand_in("attacks", attacks, edit_tests=True)
    nbgrader(f"autograde {NAME} --student=right")
    nbgrader(f"autograde {NAME} --student=half")
    others = f"autograde {NAME} --Execute.timeout=5"  # skips those that are graded
    assert f"assignment '{NAME}' for student 'ends'" in nbgrader(others, fails=True)

    nbgrader("export")
    nbgrader(f"generate_feedback {NAME} --student=half")
    with Path("grades.csv").open(newline="") as file:
        marks = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert marks == {"right": 5, "half": 3.5, "ends": 0, "attacks": 0}
    assert hint[:30] in Path("feedback", "half", NAME, f"{NAME}.html").read_text(encoding="utf-8")
