"""Tables of scores by set and method: for a terminal, a page, a paper and a spreadsheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from aslp_lib.metrics import Score, Shown, shown

Rows = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""Scores by set, method and name, as `Evaluation.scores` or as its records."""

COLUMNS = shown(Shown.TABLES)
TERMINAL = shown(Shown.TERMINAL)


def as_table(rows: Rows) -> str:
    """The main scores, for a terminal."""
    width = max([18, *(len(method) for methods in rows.values() for method in methods)]) + 2
    lines = [f"{'set':<16}{'method':<{width}}" + _line(score.heading for score in TERMINAL)]
    for name, methods in rows.items():
        for method, row in methods.items():
            cells = _line(score.text(_value(row, score)) for score in TERMINAL)
            lines.append(f"{name:<16}{method:<{width}}" + cells)
    return "\n".join(lines)


def markdown(rows: Rows) -> str:
    """A Markdown table; the best of a set in bold where several methods are compared."""
    head = ["set", "method", *(score.heading for score in COLUMNS)]
    lines = ["| " + " | ".join(head) + " |", "|---" * 2 + "|---:" * len(COLUMNS) + "|"]
    for name, method, cells in _cells(rows, "**{}**"):
        lines.append("| " + " | ".join([name, method, *cells]) + " |")
    return "\n".join(lines) + "\n"


def latex(rows: Rows) -> str:
    """The same for LaTeX with booktabs."""
    titles = ["Set", "Method", *(score.heading for score in COLUMNS)]
    lines = [
        r"\begin{tabular}{ll" + "r" * len(COLUMNS) + "}",
        r"\toprule",
        " & ".join(map(_escaped, titles)) + r" \\",
        r"\midrule",
    ]
    for name, method, cells in _cells(rows, r"\textbf{{{}}}"):
        dashed = ["--" if cell == "-" else cell for cell in cells]
        lines.append(" & ".join([_escaped(name), _escaped(method), *dashed]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _cells(rows: Rows, bold: str) -> Iterable[tuple[str, str, list[str]]]:
    """Set, method and cells of each line, the best of a set in bold."""
    for name, methods in rows.items():
        best = [score.best(_value(row, score) for row in methods.values()) for score in COLUMNS]
        for method, row in methods.items():
            cells = []
            for score, value in zip(COLUMNS, best, strict=True):
                text = score.text(_value(row, score))
                # What reads the same is as good.
                first = len(methods) > 1 and text == score.text(value) and text != "-"
                cells.append(bold.format(text) if first else text)
            yield name, method, cells


def _line(cells: Iterable[str]) -> str:
    """Cells under their headings."""
    widths = (max(len(score.heading) + 2, 8) for score in TERMINAL)
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def _value(row: Mapping[str, float | None], score: Score) -> float:
    value = row[score.name]
    return math.nan if value is None else value


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "%&_#$" else c for c in text)
