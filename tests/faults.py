"""docs/FAULTS.md, made from the tests: what can go wrong, what happens then, which test shows it.

    @pytest.mark.fault("a map is a palette PNG", "its colours are scored, not its indices")

on a test, or in the `marks` of one of its parameters. `python tests/faults.py` writes the page.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "FAULTS.md"
HEAD = """\
# What can go wrong, and what happens then

Made from the tests by `python tests/faults.py`: each line is the mark of a test, which runs in
`make test`.
"""


class Fault(NamedTuple):
    what: str
    happens: str
    file: Path
    test: str


def marked(file: Path) -> Iterator[Fault]:
    """The faults that a file's tests are marked with. Raises ValueError on a mark that is not two
    strings."""
    for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.fault":
                    words = [each.value for each in call.args if isinstance(each, ast.Constant)]
                    if len(words) != 2 or not all(isinstance(each, str) for each in words):
                        raise ValueError(f"{file}, {function.name}: fault takes two strings")
                    yield Fault(*words, file, function.name)


def page() -> str:
    """The page's text: a table for each folder of tests."""
    rooms: dict[str, list[Fault]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        room = file.relative_to(TESTS).parts[0] if file.parent != TESTS else "settings, runs, files"
        if found := list(marked(file)):
            rooms.setdefault(room, []).extend(found)
    parts = [HEAD]
    for room, faults in sorted(rooms.items()):
        parts.append(f"## {room}\n\n| fault | what happens | test |\n|---|---|---|")
        for fault in faults:
            link = f"../{fault.file.relative_to(TESTS.parent).as_posix()}"
            what, happens = (each.replace("|", "\\|") for each in fault[:2])
            parts.append(f"| {what} | {happens} | [`{fault.test}`]({link}) |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
