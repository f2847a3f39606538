"""`python -m aslp_lib.course.grade FOLDER [NN ...]`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aslp_lib import console
from aslp_lib.course.exercises import MODULES, Exercise, Verdict
from aslp_lib.course.grade.answers import Processes, verdict
from aslp_lib.course.grade.handins import HandIn, read_folder
from aslp_lib.course.grade.tables import Graded, Student, paths, write_tables
from aslp_lib.course.grade.values import printable
from aslp_lib.files import check_output

SECONDS = 180.0
"""For all answers of a hand-in together: endless loops in each of them would take half an hour."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m aslp_lib.course.grade", description=__doc__)
    parser.add_argument("folder", type=Path, help="a notebook or a folder for each student")
    parser.add_argument("notebooks", nargs="*", metavar="NN", help="of which notebooks (all)")
    given = parser.parse_args(arguments)
    return console.run(lambda: print(*grade(given.folder, given.notebooks), sep="\n"))


def grade(folder: Path, notebooks: Sequence[str] = ()) -> list[Path]:
    """Grade all hand-ins in a folder, and write the tables to FOLDER-grades beside it.

    Args:
        notebooks: numbers of those whose exercises count; all, if there are none.

    Raises:
        ValueError: there is nothing to grade, or no such notebook.
        RuntimeError: answers cannot be run here.
        OSError: the tables cannot be written.
    """
    if sys.platform != "linux":
        raise RuntimeError("answers are run on Linux alone, which confines them: use a container")
    exercises = _of(notebooks)
    hand_ins = read_folder(folder)
    beside = folder.resolve()
    out = beside.with_name(f"{beside.name}-grades")
    for path in paths(out):
        check_output("the table", path)
    students = []
    with Processes() as processes:
        notes = [f"Not guarded, as it is missing here: {each}." for each in processes.lacking]
        for note in notes:
            print(note, file=sys.stderr)
        for hand_in in hand_ins:
            students.append(_graded(processes, hand_in, exercises))
            most = sum(each.marks for each in exercises)
            print(f"{printable(hand_in.student)}: {students[-1].marks:g} of {most}")
    return write_tables(out, students, notes)


def _of(notebooks: Sequence[str]) -> list[Exercise]:
    modules = {module.NOTEBOOK[:2]: module for module in MODULES}
    for each in notebooks:
        if each not in modules:
            raise ValueError(f"no notebook {each!r} has exercises: there are {', '.join(modules)}")
    counted = [modules[number] for number in modules if number in notebooks or not notebooks]
    return [exercise for module in counted for exercise in module.EXERCISES]


def _graded(processes: Processes, hand_in: HandIn, exercises: Sequence[Exercise]) -> Student:
    end = time.monotonic() + SECONDS
    graded = []
    for exercise in exercises:
        cell = hand_in.cells.get(exercise.name)
        if cell is None:
            found = Verdict("open", "Not answered.")
        elif time.monotonic() > end:
            found = Verdict("unusable", f"Not run: the others took {SECONDS:g} seconds together.")
        else:
            found = verdict(processes, exercise, cell, end)
        graded.append(Graded(exercise, found, cell.file if cell else ""))
    return Student(hand_in.student, tuple(graded), tuple(hand_in.problems))


if __name__ == "__main__":
    sys.exit(main())
