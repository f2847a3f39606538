"""Write CLAIMS.md from claims.yaml and the records of the benchmarks.

    python tests/claims.py        # after a record, a name or claims.yaml has changed

`test_claims.py` fails if the page is out of date, or if code, a test or a section that it names
does not exist.
"""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from pkgutil import resolve_name

import measured
import yaml

from aslp_lib.course.lessons import LESSONS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "CLAIMS.md"
MEANINGS = {
    "reproduced": "the test shows it",
    "reproduced at small scale": (
        "it holds here, on synthetic data, on nuclei or on 2,000 photographs of 128 pixels"
    ),
    "contradicted": "it does not hold here",
    "not resolved": "the differences over seeds neither confirm nor contradict it",
    "recorded elsewhere": "the authors' numbers, not computed here",
    "not attempted": "it needs data, a GPU or numbers that are not available here",
}
HEAD = """\
# Claims

This page lists claims of the paper and of this project. For each claim, it names the code (in
`aslp_lib`), a test, a section of a notebook, and numbers. `python tests/claims.py` writes the page,
with measured numbers from `benchmarks/results`, and a test checks that it is up to date.
[Reproducibility](docs/reproducibility.md) says how to make the results again.

Scores are means over seeds, in percent. In brackets is the mean difference, paired by seed, with
Student's 95 % interval, in points. A claim about such a difference holds if the whole interval
agrees with it, and is contradicted if the whole interval disagrees. A claim about a contrast of the
[trial](docs/trial.md) is decided by its tests, with Holm's correction over both data sets. It holds
in the trial's regime: a small network, 140 epochs on some 160 images, temperature-scaled.
"""
COLUMNS = ("claim", "status", "measured", "code", "test", "lesson")


@cache
def groups() -> dict[str, list[dict]]:
    """The claims by group."""
    return yaml.safe_load((ROOT / "tests" / "claims.yaml").read_text(encoding="utf-8"))


def status_and_numbers(claim: dict) -> tuple[str, str]:
    """The status of a claim according to the records, and the numbers that decide it."""
    status, call = claim.get("status", "reproduced"), claim.get("measured")
    if call is None:
        return status, claim.get("numbers", "")
    arguments = {"quantity": call} if isinstance(call, str) else dict(call)
    result = getattr(measured, arguments.pop("quantity"))(**arguments)
    if result is None:
        return "not attempted", ""
    return {True: status, False: "contradicted", None: "not resolved"}[result.holds], result.text


def page() -> str:
    """The text of CLAIMS.md."""
    rows = {
        group: [(claim, *status_and_numbers(claim)) for claim in claims]
        for group, claims in groups().items()
    }
    statuses = [status for claims in rows.values() for _, status, _ in claims]
    summary = [
        (status, str(statuses.count(status)), meaning) for status, meaning in MEANINGS.items()
    ]
    parts = [HEAD, table(("status", "claims", "meaning"), summary, "|---|---:|---|")]
    for group, claims in rows.items():
        parts.append(f"\n## {group}\n\n{table(COLUMNS, [cells(*row) for row in claims])}")
    columns = ("record", "made by", "seeds", "date", "torch", "machine")
    parts.append(f"\n## Records\n\n{table(columns, measured.records())}")
    return "\n".join(parts) + "\n"


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]], rule: str = "") -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(columns)} |", rule or "|---" * len(columns) + "|"]
    for row in rows:
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines)


def cells(claim: dict, status: str, numbers: str) -> tuple[str, ...]:
    """A row of the table of a group."""
    code = f"`{claim['code']}`" if "code" in claim else ""
    file, _, name = claim.get("test", "").partition("::")
    test = f"[`{name}`](tests/{file})" if name else ""
    link = ""
    if "lesson" in claim:
        notebook, title = LESSONS[claim["lesson"]]
        link = f"[{title}](notebooks/{notebook}.ipynb): {claim['section']}"
    return claim["claim"], status, numbers, code, test, link


def missing(claim: dict) -> list[str]:
    """The code, test and section that a claim names but that do not exist."""
    names = []
    try:
        resolve_name(f"aslp_lib.{claim.get('code', 'aslp')}")
    except (ImportError, AttributeError):
        names.append(claim["code"])
    if "test" in claim and not is_test(*claim["test"].split("::")):
        names.append(claim["test"])
    if "lesson" in claim and claim["section"] not in headings(claim["lesson"]):
        names.append(f"{claim['lesson']}: {claim['section']}")
    return names


def is_test(file: str, *names: str) -> bool:
    """Whether a file of tests defines a test of this name, or of this class and name."""
    path = ROOT / "tests" / file
    node: ast.AST | None = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else None
    for name in names:
        children = ast.iter_child_nodes(node) if node else ()
        node = next((child for child in children if getattr(child, "name", "") == name), None)
    return node is not None and all(name.lower().startswith("test") for name in (path.name, *names))


@cache
def headings(lesson: str) -> set[str]:
    """The headings of a lesson's notebook."""
    path = ROOT / "notebooks" / f"{LESSONS[lesson].notebook}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return set(re.findall(r"^#{1,4} (.+)$", text, re.M))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
