"""Write CLAIMS.md from the marks of tests, from claims.yaml and from the records of the benchmarks.

    make tables        # after a record, a name or a claim has changed

A test shows the claim that it is marked with: `@pytest.mark.claim(group, claim, "lesson: section",
numbers=...)`. Records over seeds decide the claims of claims.yaml, by the functions of measured.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import measured
import yaml

from aslp_lib.course.lessons import LESSONS
from aslp_lib.evaluation.tables import markdown_table

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CLAIMS.md"
TEXTS = yaml.safe_load((ROOT / "tests" / "claims.yaml").read_text(encoding="utf-8"))
"""The meaning of each status, the title of each group, and the claims that no test shows alone."""
RECORDS = "tests/test_project.py::test_the_tables_of_the_benchmarks_are_those_of_the_records"
"""The test of a claim that only the records decide."""
Row = tuple[str, str, str, str, str]
"""Claim, status, numbers, test (FILE::NAME) and section (LESSON: HEADING)."""


def marked() -> Iterator[tuple[str, Row]]:
    """The claims that tests are marked with, each with its group."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if "mark.claim(" in source else ():
            for mark in getattr(node, "decorator_list", ()):
                if ast.unparse(mark).startswith("pytest.mark.claim("):
                    group, claim, *section = map(ast.literal_eval, mark.args)
                    numbers = "".join(ast.literal_eval(each.value) for each in mark.keywords)
                    test = f"{path.relative_to(PAGE.parent).as_posix()}::{node.name}"
                    yield group, (claim, "reproduced", numbers, test, "".join(section))


def recorded() -> Iterator[tuple[str, Row]]:
    """The claims of claims.yaml, each with its group, and with its status by the records."""
    for group, claims in TEXTS["claims"].items():
        for claim in claims:
            status, numbers = claim.get("status", ""), claim.get("numbers", "")
            if "measured" in claim:
                call = dict(claim["measured"])
                result = getattr(measured, call.pop("quantity"))(**call)
                holds = {True: "reproduced at small scale", False: "contradicted"}
                status, numbers = holds.get(result.holds, "undecided"), result.text
            test, section = claim.get("test", RECORDS), claim.get("section", "")
            yield group, (claim["claim"], status, numbers, test, section)


def page() -> str:
    """The text of CLAIMS.md, whose introduction stays as it is."""
    claims = [*marked(), *recorded()]
    statuses = [row[1] for _, row in claims]
    summary = [(name, str(statuses.count(name)), why) for name, why in TEXTS["statuses"].items()]
    introduction = PAGE.read_text(encoding="utf-8").partition("| status")[0]
    parts = [introduction + table(("status", "claims", "meaning"), summary)]
    for group, title in TEXTS["groups"].items():
        rows = [cells(*row) for name, row in claims if name == group]
        columns = ("claim", "status", "numbers", "test", "lesson")
        parts.append(f"## {title}\n\n{table(columns, rows)}")
    return "\n\n".join(parts) + "\n"


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return markdown_table(columns, escaped, "l")


def cells(claim: str, status: str, numbers: str, test: str, section: str) -> Row:
    """A row of the table of a group."""
    file, _, name = test.partition("::")
    lesson, _, heading = section.partition(": ")
    link = ""
    if lesson:
        notebook, title = LESSONS[lesson]
        link = f"[{title}](notebooks/{notebook}.ipynb): {heading}"
    return claim, status, numbers, f"[`{name}`]({file})" if test else "", link


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
