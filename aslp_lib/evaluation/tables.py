"""Tables of scores by set and method, as plain text, Markdown and LaTeX."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from aslp_lib.metrics import Score, Visibility, visible_scores

Rows = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""Scores by set, method and name: `Evaluation.scores`, or the records made from it."""
Cell = Callable[[str, str, Score], str]
"""Function from set, method and score to the text of a cell."""

COLUMNS = visible_scores(Visibility.TABLES)
"""Scores in the columns of Markdown and LaTeX tables."""
MAIN = visible_scores(Visibility.MAIN)
"""Main scores, in the columns of the plain-text table and of a report's first table."""
COMPARED = visible_scores(Visibility.COMPARED)
"""Main scores that a further column compares with those of the first method."""
LINE = 115
"""Maximal number of characters in a line of the plain-text table."""
NOISE_FLOOR = (
    "The noise floor is the mean ECE of a calibrated predictor on as many images like these. Where "
    "such a predictor could have the ECE of a method, the interval is an upper bound (≤)."
)
"""Explanation of the column beside the ECE."""

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


def main_table(
    methods: Mapping[str, Collection[str]], value: Cell, change: Cell
) -> tuple[list[str], list[list[str]]]:
    """Lay out the main scores, with a column of differences after each compared score.

    The first method of a set has no differences. If no set has several methods, there are no such
    columns.

    >>> head, rows = main_table({"SOD": ["BCE", "ASLP"]}, lambda *_: "0.1", lambda *_: "+0.1")
    >>> head[2:]
    ['ECE %', 'difference', 'noise floor %', 'conf - acc %', 'NLL nats', 'difference', 'accuracy %']
    >>> rows[1]
    ['SOD', 'ASLP', '0.1', '+0.1', '0.1', '0.1', '0.1', '+0.1', '0.1']

    Args:
        methods: set -> labels of its methods.
        value: function from set, method and score to the cell of the score.
        change: function from set, method and score to the cell of the difference from the first
            method.

    Returns:
        The titles of the columns, and the cells of each row.
    """

    def difference(name: str, method: str, score: Score) -> str:
        return "" if method == next(iter(methods[name])) else change(name, method, score)

    several = any(len(labels) > 1 for labels in methods.values())
    columns: list[tuple[str, Score, Cell]] = []
    for score in MAIN:
        columns.append((score.heading, score, value))
        if several and score in COMPARED:
            columns.append(("difference", score, difference))
    rows = [
        [name, method, *(cell(name, method, score) for _, score, cell in columns)]
        for name, labels in methods.items()
        for method in labels
    ]
    return ["set", "method", *(title for title, _, _ in columns)], rows


def as_table(rows: Rows) -> str:
    """Format the main scores as a plain-text table, with differences from the first method.

    >>> bce, aslp = ({score.name: value for score in MAIN} for value in (0.125, 0.1))
    >>> print(as_table({"SOD": {"BCE": bce, "ASLP": aslp}}))
    set  method  ECE %  difference  noise floor %  conf - acc %  NLL nats  difference  accuracy %
    SOD  BCE     12.50                      12.50         12.50     0.125                   12.50
    SOD  ASLP    10.00       -2.50          10.00         10.00     0.100      -0.025       10.00
    """

    def value(name: str, method: str, score: Score) -> str:
        return score.text(_value(rows[name][method], score))

    def change(name: str, method: str, score: Score) -> str:
        first = next(iter(rows[name].values()))
        return score.text(_value(rows[name][method], score) - _value(first, score), "+")

    head, cells = main_table(rows, value, change)
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    room = LINE - sum(widths[2:]) - 2 * (len(widths) - 1)
    widths[0] = min(widths[0], room // 3)
    widths[1] = min(widths[1], room - widths[0])
    return "\n".join(
        "  ".join(
            f"{_shorten(cell, width):{'<' if column < 2 else '>'}{width}}"
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (head, *cells)
    )


def _shorten(text: str, width: int) -> str:
    """Replace the middle of a text that is longer than `width` by an ellipsis."""
    half = (width - 1) // 2
    return text if len(text) <= width else f"{text[: width - 1 - half]}…{text[len(text) - half :]}"


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
        for name, method, cells in best_in_bold(rows, "**{}**".format)
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
    for name, method, cells in best_in_bold(rows, r"\textbf{{{}}}".format):
        names = [name.translate(LATEX), method.translate(LATEX)]
        dashed = ["--" if cell == "-" else cell for cell in cells]
        lines.append(" & ".join([*names, *dashed]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def best_in_bold(rows: Rows, bold: Callable[[str], str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the set, the method and the cells of each row, with the best method of a set in bold.

    Values that round to the same text as the best one are bold too. If all methods of a set have
    the same text, none is bold.

    >>> worse, better = ({score.name: x for score in COLUMNS} for x in (0.2, 0.1))
    >>> rows = best_in_bold({"SOD": {"BCE": worse, "ASLP": better}}, "<b>{}</b>".format)
    >>> [(method, cells[0]) for _, method, cells in rows]
    [('BCE', '20.00'), ('ASLP', '<b>10.00</b>')]

    Args:
        rows: scores by set, method and name.
        bold: function that makes a text bold.
    """
    for name, methods in rows.items():
        columns = []
        for score in COLUMNS:
            values = [_value(row, score) for row in methods.values()]
            # Scores that can be negative are best at 0, so absolute values can be compared.
            sizes = [score.text(abs(value)) for value in values]
            best = score.text(abs(score.best(values))) if len(set(sizes)) > 1 else None
            cells = zip(map(score.text, values), sizes, strict=True)
            columns.append([bold(text) if size == best else text for text, size in cells])
        for method, *cells_of_method in zip(methods, *columns, strict=True):
            yield name, method, cells_of_method


def _value(row: Mapping[str, float | None], score: Score) -> float:
    """Return a score as a number: NaN for None."""
    value = row[score.name]
    return math.nan if value is None else value
