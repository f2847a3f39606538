"""Tables of scores by set and method: for a terminal, a page, a paper and a spreadsheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aslp_lib.evaluation.scores import Results, scores
from aslp_lib.metrics.calibration import BINS

Records = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""Scores by set, method and name, as `evaluation.record` makes them."""


@dataclass(frozen=True)
class Column:
    """How a table shows a score."""

    title: str
    percent: bool
    better: int
    """-1: less is better, 1: more, 0: nearer to 0."""

    def text(self, value: float) -> str:
        """The number as the table shows it; a dash where there is none."""
        if not math.isfinite(value):
            return "-"
        return f"{100 * value:.2f}" if self.percent else f"{value:.3f}"

    def best(self, values: Iterable[float]) -> float:
        """The best of several values; NaN if none is defined."""
        defined = [value for value in values if math.isfinite(value)]
        return max(defined, key=lambda v: (self.better or -1) * abs(v), default=math.nan)


COLUMNS = {
    "ece": Column("ECE %", True, -1),
    "oe": Column("OE %", True, -1),
    "gap": Column("conf - acc %", True, 0),
    "accuracy": Column("accuracy %", True, 1),
    "brier": Column("Brier %", True, -1),
    "nll": Column("NLL nats", False, -1),
    "mae": Column("MAE", False, -1),
    "max_f": Column("max F", False, 1),
    "mean_f": Column("mean F", False, 1),
    "weighted_f": Column("weighted F", False, 1),
    "mean_e": Column("mean E", False, 1),
    "s_measure": Column("S", False, 1),
}
"""What tables show of each set and method."""

TERMINAL = ("ece", "oe", "gap", "accuracy", "mae", "max_f")


def as_table(results: Results, bins: int = BINS) -> str:
    """The main scores, for a terminal."""
    widths = {key: max(len(COLUMNS[key].title) + 2, 8) for key in TERMINAL}
    head = "".join(f"{COLUMNS[key].title:>{width}}" for key, width in widths.items())
    name_width = max([18, *(len(method) for methods in results.values() for method in methods)]) + 2
    lines = [f"{'set':<16}{'method':<{name_width}}" + head]
    for name, methods in results.items():
        for method, counts in methods.items():
            row = scores(counts, bins)
            cells = "".join(f"{COLUMNS[k].text(row[k]):>{width}}" for k, width in widths.items())
            lines.append(f"{name:<16}{method:<{name_width}}" + cells)
    return "\n".join(lines)


def markdown(records: Records) -> str:
    """A Markdown table; the best of a set in bold where several methods are compared."""
    head = ["set", "method", *(column.title for column in COLUMNS.values())]
    lines = ["| " + " | ".join(head) + " |", "|---" * 2 + "|---:" * len(COLUMNS) + "|"]
    for name, method, cells in _rows(records, "**{}**"):
        lines.append("| " + " | ".join([name, method, *cells]) + " |")
    return "\n".join(lines) + "\n"


def latex(records: Records) -> str:
    """The same for LaTeX with booktabs."""
    titles = ["Set", "Method", *(column.title for column in COLUMNS.values())]
    lines = [
        r"\begin{tabular}{ll" + "r" * len(COLUMNS) + "}",
        r"\toprule",
        " & ".join(map(_escaped, titles)) + r" \\",
        r"\midrule",
    ]
    for name, method, cells in _rows(records, r"\textbf{{{}}}"):
        shown = ["--" if cell == "-" else cell for cell in cells]
        lines.append(" & ".join([_escaped(name), _escaped(method), *shown]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _rows(records: Records, bold: str) -> Iterable[tuple[str, str, list[str]]]:
    """Set, method and cells of each line, the best of a set in bold."""
    for name, methods in records.items():
        best = {
            key: column.best(_value(row, key) for row in methods.values())
            for key, column in COLUMNS.items()
        }
        for method, row in methods.items():
            cells = []
            for key, column in COLUMNS.items():
                text = column.text(_value(row, key))
                # What reads the same is as good.
                first = len(methods) > 1 and text == column.text(best[key]) and text != "-"
                cells.append(bold.format(text) if first else text)
            yield name, method, cells


def _value(row: Mapping[str, float | None], key: str) -> float:
    value = row[key]
    return math.nan if value is None else value


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "%&_#$" else c for c in text)
