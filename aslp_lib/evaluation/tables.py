"""Tables of scores by set and method, as plain text, Markdown and LaTeX, and their options."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aslp_lib.checks import require, require_name
from aslp_lib.evaluation.scores import Evaluation, flat
from aslp_lib.files import check_output, write, write_csv
from aslp_lib.maps.listing import counted
from aslp_lib.metrics import SCORES, Score, Visibility, visible_scores

if TYPE_CHECKING:
    from aslp_lib.evaluation.pages import Page

Cell = Callable[[str, str, Score], str]
"""Function from set, method and score to the text of a cell."""

COLUMNS = visible_scores(Visibility.TABLES)
"""Scores in the columns of Markdown and LaTeX tables, if none are chosen."""
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
INTERVALS = "In brackets 95 % bootstrap intervals over images (≤: an upper bound)."
"""Explanation of intervals in a cell."""
BOLD = (
    "In bold the method of a set that is better than every other one: the 95 % bootstrap intervals "
    "over images of the paired differences exclude zero."
)
"""Explanation of bold cells."""
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
) -> tuple[list[str], list[list[str]]]:
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


def as_table(
    rows: Mapping[str, Mapping[str, Mapping[str, float]]],
    scores: Sequence[Score] = MAIN,
    one_class: Callable[[str, str], str] = lambda name, method: "",
) -> str:
    """Format scores as a plain-text table, with differences from the first method.

    >>> bce, aslp = ({score.name: value for score in MAIN} for value in (0.125, 0.1))
    >>> print(as_table({"SOD": {"BCE": bce, "ASLP": aslp}}))
    set  method  ECE %  difference  noise floor %  conf - acc %  NLL nats  difference  accuracy %
    SOD  BCE     12.50                      12.50         12.50     0.125                   12.50
    SOD  ASLP    10.00       -2.50          10.00         10.00     0.100      -0.025       10.00

    Args:
        rows: scores by set, method and name, see `Evaluation.scores`.
        scores: the scores; the main ones by default.
        one_class: function from set and method to the only class that it predicts; these methods
            have a dash instead of a difference, see `Evaluation.one_class`.
    """

    def value(name: str, method: str, score: Score) -> str:
        return score.text(rows[name][method][score.name])

    def change(name: str, method: str, score: Score) -> str:
        first = next(iter(rows[name]))
        if one_class(name, method) or one_class(name, first):
            return "-"
        return score.text(rows[name][method][score.name] - rows[name][first][score.name], "+")

    head, cells = main_table(rows, value, change, scores)
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    room = max(LINE - sum(widths[2:]) - 2 * (len(widths) - 1), SHORTEST)
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


@dataclass(frozen=True)
class PaperTable:
    """A table of scores for a paper, as Markdown or LaTeX with its caption, and as CSV.

    >>> methods, ece = {"SOD": ["BCE", "ASLP"]}, COLUMNS[:1]
    >>> print(PaperTable(methods, ece, lambda *_: "0.1", lambda *_: "BCE").markdown())
    | set | method | ECE % ↓ |
    |---|---|---:|
    | SOD | BCE | **0.1** |
    | SOD | ASLP | 0.1 |
    <BLANKLINE>
    ↓ lower is better.
    <BLANKLINE>

    Args:
        methods: set -> labels of its methods.
        columns: scores in the columns.
        cell: function from set, method and score to the text of a cell.
        best: function from set and score to the method that is in bold, or None.
        note: sentences of the caption, after those on the columns.
        csv: function that returns the header and the rows of the CSV file.
    """

    methods: Mapping[str, Collection[str]]
    columns: Sequence[Score]
    cell: Cell
    best: Callable[[str, Score], str | None]
    note: str = ""
    csv: Callable[[], tuple[list[str], list[list[object]]]] = lambda: ([], [])

    def rows(
        self, bold: Callable[[str], str], text: Callable[[str], str] = str
    ) -> Iterator[list[str]]:
        """Yield the set, the method and the cells of each row.

        Args:
            bold: function that makes the formatted text of a cell bold.
            text: function that formats the text of a cell.
        """
        for name, methods in self.methods.items():
            best = [self.best(name, score) for score in self.columns]
            for method in methods:
                cells = [text(self.cell(name, method, score)) for score in self.columns]
                marked = zip(cells, best, strict=True)
                yield [name, method, *(bold(c) if b == method else c for c, b in marked)]

    def markdown(self) -> str:
        """Format the table as Markdown, with the caption below it."""
        rows = (
            [*(name.translate(MARKDOWN) for name in row[:2]), *row[2:]]
            for row in self.rows("**{}**".format)
        )
        return (
            f"{markdown_table(['set', 'method', *self._titles], rows, 'llr')}\n\n{self._caption}\n"
        )

    def latex(self) -> str:
        r"""Format the table as LaTeX for the package booktabs.

        >>> table = PaperTable({"SOD": ["50 %"]}, COLUMNS[:1], lambda *_: "-1 ± 2", lambda *_: None)
        >>> print(table.latex())
        % \usepackage{booktabs}
        % Too wide? Fewer --scores, or graphicx: \resizebox{\textwidth}{!}{tabular}
        \begin{table}
        \centering
        \caption{$\downarrow$ lower is better.}
        \begin{tabular}{llr}
        \toprule
        Set & Method & ECE \% $\downarrow$ \\
        \midrule
        SOD & 50 \% & $-$1 $\pm$ 2 \\
        \bottomrule
        \end{tabular}
        \end{table}
        <BLANKLINE>
        """
        lines = [
            r"% \usepackage{booktabs}",
            r"% Too wide? Fewer --scores, or graphicx: \resizebox{\textwidth}{!}{tabular}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{self._caption.translate(LATEX)}}}",
            r"\begin{tabular}{ll" + "r" * len(self.columns) + "}",
            r"\toprule",
            " & ".join(["Set", "Method", *(t.translate(LATEX) for t in self._titles)]) + r" \\",
        ]
        above = None
        for name, method, *cells in self.rows(r"\textbf{{{}}}".format, _latex_number):
            if name != above:
                lines.append(r"\midrule")
            above = name
            row = [name.translate(LATEX), method.translate(LATEX), *cells]
            lines.append(" & ".join(row) + r" \\")
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"

    @property
    def _titles(self) -> list[str]:
        """Titles of the columns of scores, with arrows in the direction of better scores."""
        return [f"{score.heading} {ARROWS[score.better]}".rstrip() for score in self.columns]

    @property
    def _caption(self) -> str:
        directions = {score.better: ARROWS[score.better] for score in self.columns if score.better}
        words = {"less": "lower", "more": "higher", "zero": "nearer to zero"}
        arrows = ", ".join(f"{arrow} {words[better]}" for better, arrow in directions.items())
        return f"{f'{arrows} is better.' if arrows else ''} {self.note}".strip()


def _latex_number(text: str) -> str:
    return "--" if text == "-" else text.translate(NUMBERS)


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
        self.require_among(SCORES)
        valid = self.digits is None or 0 <= self.digits <= 9
        require("digits", self.digits, valid, "an integer from 0 to 9, or None.")

    def require_among(self, known: Collection[str]) -> None:
        """Raise ValueError unless all scores are among the known ones."""
        for name in self.scores:
            require_name("a name in scores", name, known)

    def check(self) -> None:
        """Check before a long computation that the files can be written; see `check_output`."""
        for path in self.table:
            check_output("--table", path, (".csv", ".md", ".tex"))
        if self.figures is not None:
            check_output("--figures", self.figures / f"figure.{self.format}")

    def columns(self, default: Sequence[Score]) -> list[Score]:
        """Return the scores in tables, with the chosen number of digits.

        Args:
            default: scores in tables if none are chosen.
        """
        chosen = [SCORES[name] for name in self.scores] or default
        return [replace(score, digits=self.digits) for score in chosen]

    def publish(
        self, table: PaperTable, page: Callable[[], Page], report: Path | None = None
    ) -> None:
        """Write tables, figures and a report, as far as they are asked for.

        Args:
            table: the table.
            page: function that returns the report, whose figures are written.
            report: HTML file of the report.
        """
        for path in self.table:
            if path.suffix == ".csv":
                write_csv(path, *table.csv())
            else:
                write(path, table.markdown() if path.suffix == ".md" else table.latex())
            print(f"table: {path}")
        if report is not None or self.figures is not None:
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


def first_sentence(note: str) -> str:
    """Return the first sentence of a note, for captions, which give no advice.

    >>> first_sentence("SOD: BCE predicts background on more than 99.9 %. Look at its training")
    'SOD: BCE predicts background on more than 99.9 %.'
    """
    return note.partition(". ")[0] + "."


def paper_table(evaluation: Evaluation, options: PaperOptions) -> PaperTable:
    """Return the table of an evaluation, with a method in bold where it is resolved to be the best.

    Args:
        evaluation: the evaluation.
        options: scores and digits, and whether cells have intervals.
    """

    def cell(name: str, method: str, score: Score) -> str:
        if options.intervals:
            return evaluation.interval(name, method, score).text(score)
        return score.text(evaluation.scores[name][method][score.name])

    sets = evaluation.counts.values()
    resampled = any(counts.independent > 1 for methods in sets for counts in methods.values())
    intervals = INTERVALS if resampled else "There are no intervals over a single image."
    several = any(len(methods) > 1 for methods in sets)
    notes = evaluation.notes if options.intervals or several else evaluation.notes_on_maps
    parts = (
        [intervals] * options.intervals
        + [BOLD] * several
        + [first_sentence(note) for note in notes]
    )
    return PaperTable(
        evaluation.counts,
        options.columns(COLUMNS),
        cell,
        evaluation.best,
        " ".join(parts),
        lambda: flat(evaluation.records(), options.scores or SCORES),
    )
