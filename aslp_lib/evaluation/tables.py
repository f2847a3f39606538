"""Tables of scores by set and method: for a terminal, a page, a paper and a spreadsheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from aslp_lib.metrics import Score, Visibility, visible_scores

Rows = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""Scores by set, method and name, as `Evaluation.scores` or as its records."""

COLUMNS = visible_scores(Visibility.TABLES)
TERMINAL = visible_scores(Visibility.TERMINAL)

MARKDOWN = str.maketrans({each: f"\\{each}" for each in "\\`*_[]<>&~$|"})
"""What a name escapes."""
LATEX = str.maketrans(
    {
        **{each: f"\\{each}" for each in "%&_#${}"},
        **{each: f"{{{each}}}" for each in "[]*"},  # after \\ they would be its arguments
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
    }
)


def as_table(rows: Rows) -> str:
    """The main scores, for a terminal."""
    lines = [["set", "method", *(score.heading for score in TERMINAL)]]
    for name, methods in rows.items():
        for method, values in methods.items():
            lines.append([name, method, *(score.text(_value(values, score)) for score in TERMINAL)])
    first = max(16, *(len(name) + 2 for name, *_ in lines))
    second = max(20, *(len(method) + 2 for _, method, *_ in lines))
    widths = [max(len(score.heading) + 2, 8) for score in TERMINAL]
    return "\n".join(
        f"{name:{first}}{method:{second}}"
        + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, method, *cells in lines
    )


def markdown_table(
    head: Sequence[str], rows: Iterable[Iterable[str]], alignment: str = "lr"
) -> str:
    """A Markdown table, without a newline at its end.

    >>> print(markdown_table(["method", "ECE"], [["BCE", "1.20"]]))
    | method | ECE |
    |---|---:|
    | BCE | 1.20 |

    Args:
        head: the columns' titles.
        rows: the cells of each row, as Markdown.
        alignment: "l" or "r" for each column, left or right; the last letter holds for all further
            columns.
    """
    marks = alignment.ljust(len(head), alignment[-1])
    ruler = "".join("|---" if mark == "l" else "|---:" for mark in marks[: len(head)]) + "|"
    first, *others = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    return "\n".join([first, ruler, *others])


def markdown(rows: Rows) -> str:
    """A Markdown table; the best of a set in bold where several methods are compared."""
    lines = [
        [name.translate(MARKDOWN), method.translate(MARKDOWN), *cells]
        for name, method, cells in best_in_bold(rows, "**{}**")
    ]
    head = ["set", "method", *(score.heading for score in COLUMNS)]
    return markdown_table(head, lines, "llr") + "\n"


def latex(rows: Rows) -> str:
    """The same for LaTeX with booktabs."""
    titles = ["Set", "Method", *(score.heading for score in COLUMNS)]
    lines = [
        r"\begin{tabular}{ll" + "r" * len(COLUMNS) + "}",
        r"\toprule",
        " & ".join(title.translate(LATEX) for title in titles) + r" \\",
        r"\midrule",
    ]
    for name, method, cells in best_in_bold(rows, r"\textbf{{{}}}"):
        names = [name.translate(LATEX), method.translate(LATEX)]
        dashed = ["--" if cell == "-" else cell for cell in cells]
        lines.append(" & ".join([*names, *dashed]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def best_in_bold(rows: Rows, bold: str) -> Iterator[tuple[str, str, list[str]]]:
    """Set, method and cells of each line, the best of a set in bold: what reads as the best does is
    as good, and where all read the same none is."""
    for name, methods in rows.items():
        leading = []
        for score in COLUMNS:
            # Without their signs: a score is best at 0, or as large as can be.
            sizes = {m: score.text(abs(_value(row, score))) for m, row in methods.items()}
            first = score.text(abs(score.best(_value(row, score) for row in methods.values())))
            tied = len(set(sizes.values())) == 1
            leading.append({m for m, size in sizes.items() if size == first and not tied})
        for method, row in methods.items():
            texts = [score.text(_value(row, score)) for score in COLUMNS]
            yield (
                name,
                method,
                [
                    bold.format(text) if method in best else text
                    for text, best in zip(texts, leading, strict=True)
                ],
            )


def _value(row: Mapping[str, float | None], score: Score) -> float:
    value = row[score.name]
    return math.nan if value is None else value
