"""Tables of scores by set and method, as plain text, Markdown and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from aslp_lib.metrics import Score, Visibility, visible_scores

Rows = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""Scores by set, method and name: `Evaluation.scores`, or the records made from it."""

COLUMNS = visible_scores(Visibility.TABLES)
"""Scores in the columns of Markdown and LaTeX tables."""
TERMINAL = visible_scores(Visibility.TERMINAL)
"""Scores in the columns of the plain-text table."""

MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>&~$|"})
"""Translation table that escapes names for Markdown."""
LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "%&_#${}"},
        # After a line's \\, LaTeX would read a bare [, ] or * as an argument of \\.
        **{character: f"{{{character}}}" for character in "[]*"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
    }
)
"""Translation table that escapes names for LaTeX."""


def as_table(rows: Rows) -> str:
    """Format the main scores as a plain-text table for a terminal.

    >>> row = {score.name: 0.125 for score in TERMINAL}
    >>> header, line = as_table({"SOD": {"BCE": row}}).splitlines()
    >>> header.split()[:2], line.split()[:3]
    (['set', 'method'], ['SOD', 'BCE', '12.50'])
    """
    head = "set", "method", [score.heading for score in TERMINAL]
    lines = [head, *best_in_bold(rows, "{}", TERMINAL)]
    first = max(16, *(len(name) + 2 for name, *_ in lines))
    second = max(20, *(len(method) + 2 for _, method, *_ in lines))
    widths = [max(len(score.heading) + 2, 8) for score in TERMINAL]
    return "\n".join(
        f"{name:{first}}{method:{second}}"
        + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, method, cells in lines
    )


def markdown_table(
    head: Sequence[str], rows: Iterable[Iterable[str]], alignment: str = "lr"
) -> str:
    """Format a Markdown table, without a newline at its end.

    >>> print(markdown_table(["method", "ECE"], [["BCE", "1.20"]]))
    | method | ECE |
    |---|---:|
    | BCE | 1.20 |

    Args:
        head: titles of the columns.
        rows: cells of each row, in Markdown.
        alignment: "l" (left) or "r" (right) for each column; the last letter applies to all further
            columns.
    """
    marks = alignment.ljust(len(head), alignment[-1])
    ruler = "".join("|---" if mark == "l" else "|---:" for mark in marks[: len(head)]) + "|"
    first, *others = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    return "\n".join([first, ruler, *others])


def markdown(rows: Rows) -> str:
    """Format the scores as a Markdown table, with the best method of each set in bold.

    >>> worse, better = ({score.name: x for score in COLUMNS} for x in (0.2, 0.1))
    >>> line = markdown({"SOD": {"BCE": worse, "ASLP": better}}).splitlines()[3]
    >>> line.split(" | ")[:3]
    ['| SOD', 'ASLP', '**10.00**']
    """
    lines = [
        [name.translate(MARKDOWN), method.translate(MARKDOWN), *cells]
        for name, method, cells in best_in_bold(rows, "**{}**")
    ]
    head = ["set", "method", *(score.heading for score in COLUMNS)]
    return markdown_table(head, lines, "llr") + "\n"


def latex(rows: Rows) -> str:
    r"""Format the scores as a LaTeX table for the package booktabs, with the best in bold.

    >>> row = {score.name: 0.125 for score in COLUMNS}
    >>> print(latex({"SOD": {"label_smoothing": row}}).splitlines()[4][:35])
    SOD & label\_smoothing & 12.50 & 12
    """
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


def best_in_bold(
    rows: Rows, bold: str, columns: Sequence[Score] = COLUMNS
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the set, the method and the cells of each row, with the best method of a set in bold.

    Values that round to the same text as the best one are bold too. If all methods of a set have
    the same text, none is bold.

    >>> worse, better = ({score.name: x for score in COLUMNS} for x in (0.2, 0.1))
    >>> rows = best_in_bold({"SOD": {"BCE": worse, "ASLP": better}}, "<b>{}</b>")
    >>> [(method, cells[0]) for _, method, cells in rows]
    [('BCE', '20.00'), ('ASLP', '<b>10.00</b>')]

    Args:
        rows: scores by set, method and name.
        bold: format string that makes its text bold.
        columns: scores in the cells.
    """
    for name, methods in rows.items():
        best_methods = []  # best methods of each column
        for score in columns:
            # Scores that can be negative are best at 0, so absolute values can be compared.
            texts = {m: score.text(abs(_value(row, score))) for m, row in methods.items()}
            best = score.text(abs(score.best(_value(row, score) for row in methods.values())))
            tied = len(set(texts.values())) == 1
            best_methods.append({m for m, text in texts.items() if text == best and not tied})
        for method, row in methods.items():
            cells = []
            for score, leaders in zip(columns, best_methods, strict=True):
                cell = score.text(_value(row, score))
                cells.append(bold.format(cell) if method in leaders else cell)
            yield name, method, cells


def _value(row: Mapping[str, float | None], score: Score) -> float:
    """Return a score as a number: NaN for None."""
    value = row[score.name]
    return math.nan if value is None else value
