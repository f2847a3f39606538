"""What a class handed in: which cell answers which exercise. Nothing here runs a cell.

A notebook is read as the JSON it is; of its cells this takes code, and nothing else of it matters.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from aslp_lib.course.exercises import EXERCISES
from aslp_lib.course.publishing.assignments import METADATA

MOST_BYTES = 20 * 2**20
"""Of a notebook: a course's notebook with all its pictures has fewer than one million."""
MOST_CODE = 50_000
"""Characters of an answer's cell, and of the cells with imports before it together."""

_CHECK = re.compile(r"""\bcheck\(\s*["'](\d\d/\w+)["']""")


@dataclass(frozen=True)
class Cell:
    """An exercise's answer.

    Args:
        file: the notebook's path within the folder of hand-ins.
        code: the cell.
        before: code cells before it that may import what it uses.
    """

    file: str
    code: str
    before: tuple[str, ...]


@dataclass
class HandIn:
    """What one student handed in.

    Args:
        student: name of the file or folder.
        cells: exercise -> its answer; none where the cell is as it was given out.
        problems: what could not be read, in words.
    """

    student: str
    cells: dict[str, Cell] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_folder(folder: Path) -> list[HandIn]:
    """A hand-in for each notebook and each folder in a folder, in the order of their names.

    Raises:
        ValueError: it is no folder, or there is nothing in it.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: name the one with the hand-ins")
    found = [_read(entry, folder) for entry in sorted(folder.iterdir()) if not _aside(entry.name)]
    if not found:
        raise ValueError(f"there is nothing in {folder}: a notebook or a folder for each student")
    return found


def _read(entry: Path, folder: Path) -> HandIn:
    handed_in = HandIn(entry.name)
    notebooks = 0
    for path in _files(entry, handed_in.problems):
        if path.suffix != ".ipynb" and path != entry:
            continue
        notebooks += 1
        try:
            code = _code_cells(path)
        except (ValueError, OSError) as problem:
            handed_in.problems.append(f"{path.relative_to(folder)}: {problem}")
        else:
            _take_answers(handed_in, str(path.relative_to(folder)), code)
    if not notebooks and not handed_in.problems:
        handed_in.problems.append("there is no notebook in it")
    return handed_in


def _files(entry: Path, problems: list[str]) -> Iterator[Path]:
    """Files of a hand-in, by name; where a link leads is not the student's."""
    if entry.is_symlink() or not entry.is_dir():
        yield entry
        return
    for at, folders, files in os.walk(entry, onerror=lambda error: problems.append(str(error))):
        for name in folders:
            if Path(at, name).is_symlink():
                problems.append(f"{name} is a link: links are not followed")
        folders[:] = sorted(each for each in folders if not _aside(each))
        yield from (Path(at, name) for name in sorted(files) if not _aside(name))


def _aside(name: str) -> bool:
    """What systems and Jupyter put beside one's files."""
    return name.startswith(".") or name == "__MACOSX"


def _code_cells(path: Path) -> list[tuple[str, str | None]]:
    """Each code cell's text, and the exercise that its metadata names.

    Raises:
        ValueError: it is no notebook; why, in words.
        OSError: it cannot be read.
    """
    if path.is_symlink():
        raise ValueError("it is a link: links are not followed")
    if path.suffix != ".ipynb":
        raise ValueError("it is no notebook (.ipynb)")
    if not S_ISREG(path.stat().st_mode):
        raise ValueError("it is no file")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES // 2**20} MB: clear its outputs")
    try:
        notebook = json.loads(path.read_bytes())
        return [
            ("".join(cell["source"]), cell.get("metadata", {}).get(METADATA, {}).get("exercise"))
            for cell in notebook["cells"]
            if cell["cell_type"] == "code"
        ]
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError("it is JSON, but no notebook of format 4") from error


def _take_answers(handed_in: HandIn, file: str, code: list[tuple[str, str | None]]) -> None:
    """Of each exercise the last cell that answers it and is not as it was given out."""
    before: list[str] = []
    room = MOST_CODE
    for source, marked in code:
        for name in _CHECK.findall(source) or [marked]:
            exercise = EXERCISES.get(name) if isinstance(name, str) else None
            if exercise and len(source) > MOST_CODE:
                handed_in.problems.append(
                    f"{file}: a cell on {name} has more than {MOST_CODE:,} characters"
                )
            elif exercise and source.strip() != exercise.cell:
                handed_in.cells[exercise.name] = Cell(file, source, tuple(before))
        if "import" in source and len(source) <= room:
            before.append(source)
            room -= len(source)
