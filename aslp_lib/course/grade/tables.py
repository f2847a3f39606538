"""A class's grades as tables: two CSV files and a page to read."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aslp_lib.course.exercises import Exercise, Verdict
from aslp_lib.course.grade.values import printable
from aslp_lib.files import write, write_csv

STYLE = """:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse}
td,th{padding:.25rem .6rem;border-bottom:1px solid #8886;text-align:left;vertical-align:top}
td.number,th.number{text-align:right;white-space:nowrap}
td{overflow-wrap:break-word;max-width:40rem}
td:first-child,th:first-child{position:sticky;left:0;background:Canvas}
.note{border-left:.3rem solid #e69f00;padding-left:.7rem}
"""
WORDS = {
    "right": "right",
    "close": "close",
    "mistake": "a typical mistake",
    "wrong": "wrong",
    "unusable": "no usable answer",
    "open": "not answered",
}


@dataclass(frozen=True)
class Graded:
    """One exercise of one student; `file` is empty where there is no answer."""

    exercise: Exercise
    verdict: Verdict
    file: str

    @property
    def marks(self) -> float:
        return self.exercise.earned(self.verdict)


@dataclass(frozen=True)
class Student:
    name: str
    graded: tuple[Graded, ...]
    problems: tuple[str, ...]

    @property
    def marks(self) -> float:
        return sum(each.marks for each in self.graded)


def paths(folder: Path) -> list[Path]:
    """Where `write_tables` writes."""
    return [folder / name for name in ("grades.html", "totals.csv", "exercises.csv")]


def write_tables(folder: Path, students: Sequence[Student], notes: Iterable[str]) -> list[Path]:
    """Write `exercises.csv`, `totals.csv` and `grades.html`, and say where.

    Args:
        notes: what the reader has to know of how it was graded.
    """
    page, totals, exercises = paths(folder)
    most = sum(each.exercise.marks for each in students[0].graded)
    write_csv(
        exercises,
        ["student", "file", "exercise", "verdict", "marks", "of", "hint"],
        [
            [*map(_cell, (student.name, each.file, each.exercise.name, each.verdict.kind)),
             each.marks, each.exercise.marks, _cell(each.verdict.text)]
            for student in students for each in student.graded
        ],
    )  # fmt: skip
    write_csv(
        totals,
        ["student", "marks", "of", "problems"],
        [
            [_cell(student.name), student.marks, most, _cell("; ".join(student.problems))]
            for student in students
        ],
    )
    write(page, _page(students, most, notes))
    return [page, totals, exercises]


def _cell(text: str) -> str:
    """Text that a spreadsheet takes for text: no formula, no second line."""
    clean = printable(text)
    return f"'{clean}" if clean.lstrip().startswith(("=", "+", "-", "@")) else clean


def _page(students: Sequence[Student], most: int, notes: Iterable[str]) -> str:
    exercises = [each.exercise for each in students[0].graded]
    heads = [f"{e.name} ({e.marks})" for e in exercises]
    rows = [
        [student.name, f"{student.marks:g}", *map(_marks, student.graded)] for student in students
    ]
    parts = [
        *(f'<p class="note">{html.escape(note)}</p>' for note in notes),
        "<h2>Marks</h2>",
        _table(["student", f"all ({most})", *heads], rows, numbers=range(1, len(heads) + 2)),
        "<h2>Hints</h2>",
        *(part for student in students for part in _of_one(student)),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Grades</title><style>{STYLE}</style></head><body><h1>Grades</h1>"
        f"{''.join(parts)}</body></html>\n"
    )


def _marks(graded: Graded) -> str:
    return "-" if graded.verdict.kind == "open" else f"{graded.marks:g}"


def _of_one(student: Student) -> list[str]:
    """What a student was told, but where all was right or nothing was answered."""
    told = [each for each in student.graded if each.verdict.kind not in ("right", "open")]
    rows = [
        [each.exercise.name, WORDS[each.verdict.kind], each.verdict.text, each.file]
        for each in told
    ]
    problems = "".join(f"<li>{_shown(problem)}</li>" for problem in student.problems)
    return [
        f"<h3>{_shown(student.name)}: {student.marks:g}</h3>",
        f"<ul>{problems}</ul>" if problems else "",
        _table(["exercise", "verdict", "hint", "file"], rows) if rows else "",
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        kinds = [' class="number"' if i in numbers else "" for i in range(len(cells))]
        filled = zip(kinds, cells, strict=True)
        return "".join(f"<{tag}{kind}>{_shown(cell)}</{tag}>" for kind, cell in filled)

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{line("th", head)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _shown(text: str) -> str:
    return html.escape(printable(text))
