"""Tables of scores by set and method, as plain text, Markdown and LaTeX, and their options."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from aslp_lib.checks import require, require_name
from aslp_lib.evaluation import classes
from aslp_lib.evaluation.scores import TABLED, Evaluation, write_rows
from aslp_lib.files import check_output, write
from aslp_lib.maps.listing import counted
from aslp_lib.metrics import (
    ALL_SCORES,
    SCORES,
    Score,
    Visibility,
    visible_scores,
)
from aslp_lib.metrics.bootstrap import Interval

if TYPE_CHECKING:
    from aslp_lib.evaluation.pages import Page

Cell = Callable[[str, str, Score], str]
"""Function from set, method and score to the text of a cell."""
Cells = tuple[list[str], list[list[str]]]
"""Titles of columns, and the cells of each row."""

MAIN = visible_scores(Visibility.MAIN)
"""Main scores, in the columns of the plain-text table and of a report's first table."""
COMPARED = visible_scores(Visibility.COMPARED)
"""Main scores that a further column compares with those of the first method."""
LINE = 115
"""Maximal number of characters in a line of the plain-text table, unless it has many scores."""
SHORTEST = 30
"""Least number of characters for the names in such a line."""
NOISE_FLOOR = (
    "The noise floor is the mean ECE of a calibrated predictor on as many images like these. Where "
    "such a predictor could have the ECE of a method, the interval is an upper bound (≤)."
)
"""Explanation of the column beside the ECE."""
ARROWS = {"less": "↓", "more": "↑", "zero": "→", None: ""}
"""Mark of a column whose values are better if they are lower, higher or nearer to zero."""

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
        "↓": r"$\downarrow$",
        "↑": r"$\uparrow$",
        "→": r"$\to$",
        "≤": r"$\leq$",
        "±": r"$\pm$",
    }
)
"""Translation table that escapes text for LaTeX."""
NUMBERS = LATEX | str.maketrans({"-": "$-$"})
"""Translation table that formats numbers for LaTeX."""


def main_table(
    methods: Mapping[str, Collection[str]],
    value: Cell,
    change: Cell,
    scores: Sequence[Score] = MAIN,
) -> Cells:
    """Lay out scores, with a column of differences after each compared score.

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
        scores: the scores; the main ones by default.

    Returns:
        The titles of the columns, and the cells of each row.
    """

    def difference(name: str, method: str, score: Score) -> str:
        return "" if method == next(iter(methods[name])) else change(name, method, score)

    several = any(len(labels) > 1 for labels in methods.values())
    columns: list[tuple[str, Score, Cell]] = []
    for score in scores:
        columns.append((score.heading, score, value))
        if several and score.visibility == Visibility.COMPARED:
            columns.append(("difference", score, difference))
    rows = [
        [name, method, *(cell(name, method, score) for _, score, cell in columns)]
        for name, labels in methods.items()
        for method in labels
    ]
    return ["set", "method", *(title for title, _, _ in columns)], rows


def as_table(evaluation: Evaluation, scores: Sequence[Score] = MAIN) -> str:
    """Format scores as a plain-text table, with differences from the first method.

    Methods that predict one class have a dash instead of a difference.

    >>> import numpy as np
    >>> from aslp_lib.metrics.counts import Counts
    >>> maps = {"BCE": [255, 51, 51, 51], "ASLP": [204, 51, 51, 51]}
    >>> masks = np.uint8([[1, 1, 0, 0]])
    >>> counts = {name: Counts.from_map(np.uint8([row]), masks) for name, row in maps.items()}
    >>> print(as_table(Evaluation({"SOD": counts}), [SCORES["mae"], SCORES["ece"]]))
    set  method    MAE  ECE %  difference
    SOD  BCE     0.300  10.00
    SOD  ASLP    0.350   5.00       -5.00

    Args:
        evaluation: the evaluation.
        scores: the scores; the main ones by default.
    """
    rows = evaluation.scores

    def value(name: str, method: str, score: Score) -> str:
        return score.text(rows[name][method][score.name])

    def change(name: str, method: str, score: Score) -> str:
        first = next(iter(rows[name]))
        if evaluation.one_class(name, method) or evaluation.one_class(name, first):
            return "-"
        return score.text(rows[name][method][score.name] - rows[name][first][score.name], "+")

    return aligned(*main_table(rows, value, change, scores))


def class_table(evaluation: Evaluation, name: str, intervals: bool) -> Cells:
    """Lay out the scores of each class of a set: titles, and the cells of each class and method."""
    rows = [
        [label, method, *classes.cells(evaluation.of_classes[name, method][label], intervals)]
        for label in evaluation.classes
        for method in evaluation.counts[name]
        if evaluation.of_classes[name, method]
    ]
    return ["class", "method", *(title for title, _ in classes.COLUMNS.values())], rows


def class_text(evaluation: Evaluation) -> str:
    """Format the scores of each class as plain text, a table for each set; empty of two classes."""
    tables = [(name, *class_table(evaluation, name, False)) for name in evaluation.counts]
    return "".join(f"\n\n{name}\n{aligned(head, rows)}" for name, head, rows in tables if rows)


def aligned(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Align the columns of a table, of which the first two hold names."""
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    room = max(LINE - sum(widths[2:]) - 2 * (len(widths) - 1), SHORTEST)
    widths[0] = min(widths[0], room // 3)
    widths[1] = min(widths[1], room - widths[0])
    lines = []
    for row in (head, *cells):
        texts = [_shorten(cell, width) for cell, width in zip(row, widths, strict=True)]
        names = [text.ljust(width) for text, width in zip(texts[:2], widths, strict=False)]
        numbers = [text.rjust(width) for text, width in zip(texts[2:], widths[2:], strict=True)]
        lines.append("  ".join(names + numbers).rstrip())
    return "\n".join(lines)


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


def verdict(first: str, changes: Iterable[tuple[Score, Interval, str]]) -> str:
    """Say in which scores a method is better or worse than the first one, and what is open.

    >>> changes = [
    ...     (SCORES["ece"], Interval(-0.03, -0.04, -0.02), "better"),
    ...     (SCORES["nll"], Interval(0.01, -0.01, 0.03), "not resolved"),
    ... ]
    >>> for sentence in verdict("BCE", changes).split(". "):
    ...     print(sentence)
    Better than BCE: ECE (-3.00 [-4.00, -2.00] points)
    Not resolved: NLL (+0.010 [-0.010, +0.030] nats).

    Args:
        first: label of the first method.
        changes: scores, with the method's difference from the first one and the verdict on it.
    """
    claims: dict[str, list[str]] = {f"Better than {first}": [], f"Worse than {first}": []}
    for score, change, word in changes:
        than = f" than {first}" if word in ("better", "worse") else ""
        unit = "points" if score.unit == "%" else score.unit
        text = f"{score.title} ({change.text(score, '+')} {unit}".rstrip() + ")"
        claims.setdefault(word.capitalize() + than, []).append(text)
    return " ".join(f"{start}: {', '.join(texts)}." for start, texts in claims.items() if texts)


class Tabular(Protocol):
    """Scores of methods on sets that a table for a paper can show, of one seed or over seeds."""

    @property
    def methods(self) -> Mapping[str, Collection[str]]:
        """Labels of the methods of each set."""

    def columns(self, visibility: Visibility) -> Sequence[Score]:
        """Return the scores that are displayed at a place."""

    def cell(self, name: str, method: str, score: Score, interval: bool) -> str:
        """Format a score of a method on a set, with its interval if that is asked for."""

    def best(self, name: str, score: Score) -> str | None:
        """Return the method of a set that is better than every other one, or None."""

    def caption(self, columns: Sequence[Score], intervals: bool) -> str:
        """Explain the cells of a table, and warn of what its notes are about."""

    def rows(self, names: Collection[str]) -> list[dict[str, object]]:
        """Return the rows of a CSV file with the scores of these names."""


def paper_table(
    results: Tabular,
    columns: Sequence[Score],
    intervals: bool,
    bold: Callable[[str], str],
    text: Callable[[str], str] = str,
) -> Cells:
    """Lay out scores for a paper, with a method in bold where it is resolved to be the best.

    Args:
        results: the scores.
        columns: scores in the columns.
        intervals: whether cells have intervals.
        bold: function that makes the formatted text of a cell bold.
        text: function that formats the text of a cell.

    Returns:
        The titles of the columns of scores, and the set, the method and the cells of each row.
    """
    rows = []
    for name, methods in results.methods.items():
        best = [results.best(name, score) for score in columns]
        for method in methods:
            cells = [text(results.cell(name, method, score, intervals)) for score in columns]
            marked = zip(cells, best, strict=True)
            rows.append([name, method, *(bold(c) if b == method else c for c, b in marked)])
    return [f"{score.heading} {ARROWS[score.better]}".rstrip() for score in columns], rows


def caption(results: Tabular, columns: Sequence[Score], intervals: bool) -> str:
    """Explain the arrows of the columns, and what else the scores say about their table."""
    directions = {score.better: ARROWS[score.better] for score in columns if score.better}
    words = {"less": "lower", "more": "higher", "zero": "nearer to zero"}
    arrows = ", ".join(f"{arrow} {words[better]}" for better, arrow in directions.items())
    better = f"{arrows} is better." if arrows else ""
    return f"{better} {results.caption(columns, intervals)}".strip()


def markdown(results: Tabular, columns: Sequence[Score], intervals: bool) -> str:
    """Format a table as Markdown, with the caption below it."""
    titles, rows = paper_table(results, columns, intervals, "**{}**".format)
    escaped = [[*(name.translate(MARKDOWN) for name in row[:2]), *row[2:]] for row in rows]
    table = markdown_table(["set", "method", *titles], escaped, "llr")
    return f"{table}\n\n{caption(results, columns, intervals)}\n"


def latex(results: Tabular, columns: Sequence[Score], intervals: bool) -> str:
    """Format a table as LaTeX for the package booktabs."""
    bold = r"\textbf{{{}}}".format
    titles, rows = paper_table(results, columns, intervals, bold, _latex_number)
    lines = [
        r"% \usepackage{booktabs}",
        r"% Too wide? Fewer --scores, or graphicx: \resizebox{\textwidth}{!}{tabular}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{caption(results, columns, intervals).translate(LATEX)}}}",
        r"\begin{tabular}{ll" + "r" * len(titles) + "}",
        r"\toprule",
        " & ".join(["Set", "Method", *(title.translate(LATEX) for title in titles)]) + r" \\",
    ]
    above = None
    for name, method, *cells in rows:
        if name != above:
            lines.append(r"\midrule")
        above = name
        names = [name.translate(LATEX), method.translate(LATEX)]
        lines.append(" & ".join(names + cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"


def _latex_number(text: str) -> str:
    return "--" if text == "-" else text.translate(NUMBERS)


Writer = Callable[[Path, Tabular, Sequence[Score], bool], None]


def _write_csv(path: Path, results: Tabular, columns: Sequence[Score], intervals: bool) -> None:
    write_rows(path, results.rows([score.name for score in columns]))


FORMATS: dict[str, tuple[Visibility, Writer]] = {
    ".csv": (Visibility.FILES, _write_csv),
    ".md": (Visibility.TABLES, lambda path, *table: write(path, markdown(*table))),
    ".tex": (Visibility.TABLES, lambda path, *table: write(path, latex(*table))),
}
"""Suffix of a file -> the place whose scores are in its columns if none are chosen, and the
function that writes it from scores, columns and whether cells have intervals."""


@dataclass(frozen=True)
class PaperOptions:
    """Options of tables and figures for a paper. The docstrings are help texts of the command line.

    >>> columns = PaperOptions(scores=("ece", "dice"), digits=1).columns(MAIN)
    >>> [score.text(0.1234) for score in columns]
    ['12.3', '0.1']

    Raises:
        ValueError: there is no such score, or `digits` is out of range.
    """

    table: tuple[Path, ...] = ()
    """Files for the table of scores: .csv, .md, or .tex for the package booktabs."""
    scores: tuple[str, ...] = ()
    """Names of the scores in tables, such as ece nll dice (see docs/score.md)."""
    digits: int | None = None
    """Digits after the decimal point in tables. None stands for 2 of percentages, 3 of others."""
    intervals: bool = False
    """Add 95 % intervals over images to .md and .tex tables."""
    figures: Path | None = None
    """Folder for the report's figures as files."""
    format: Literal["pdf", "svg", "png"] = "pdf"
    """Format of the figures."""

    def __post_init__(self) -> None:
        self.require_among(ALL_SCORES)
        valid = self.digits is None or 0 <= self.digits <= 9
        require("digits", self.digits, valid, "an integer from 0 to 9, or None.")

    def require_among(self, known: Collection[str]) -> None:
        """Raise ValueError unless all scores are among the known ones."""
        of_two = "" if "dice" in known else " of several classes (--class NAME has those of two)"
        for name in self.scores:
            require_name(f"a name in scores{of_two}", name, known)

    def check(self, known: Collection[str] = SCORES) -> None:
        """Check before a long computation that the scores are among the known ones, and that the
        files can be written; see `check_output`."""
        self.require_among(known)
        for path in self.table:
            check_output("--table", path, tuple(FORMATS))
        if self.figures is not None:
            check_output("--figures", self.figures / f"figure.{self.format}")

    def columns(self, default: Sequence[Score]) -> list[Score]:
        """Return the scores in tables, with the chosen number of digits.

        Args:
            default: scores in tables if none are chosen.
        """
        chosen = [ALL_SCORES[name] for name in self.scores] or default
        return [replace(score, digits=self.digits) for score in chosen]

    def resampled(self, *, every: bool = False) -> set[str]:
        """Return the names of the scores that have intervals: those of tables, or all.

        Args:
            every: a file has the intervals of all scores, as a CSV table does.
        """
        every = every or (not self.scores and any(path.suffix == ".csv" for path in self.table))
        return {*ALL_SCORES} if every else {*TABLED, *self.scores}

    def publish(
        self, results: Tabular, page: Callable[[], Page], report: Path | None = None
    ) -> None:
        """Write tables, figures and a report, as far as they are asked for.

        Args:
            results: the scores in the tables.
            page: function that returns the report, whose figures are written.
            report: HTML file of the report.
        """
        for path in self.table:
            visibility, write_table = FORMATS[path.suffix]
            columns = self.columns(results.columns(visibility))
            write_table(path, results, columns, self.intervals)
            print(f"table: {path}")
        if report is None and self.figures is None:
            return
        from aslp_lib.evaluation.pages import write_figures, write_page  # loads matplotlib

        drawn = page()
        if report is not None:
            write_page(report, drawn)
            print(f"report: {report}")
        if self.figures is not None:
            written = write_figures(self.figures, drawn, self.format)
            print(f"figures: {self.figures}")
            if others := {path.name for path in self.figures.iterdir()} - written:
                noun = f"files in {self.figures} that this call did not write"
                print(f"note: {counted(noun, others)}")
