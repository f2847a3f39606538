"""Figures that several lessons share, of the course and of the library, and tables."""

import re
from collections.abc import Iterable, Mapping, Sequence

from IPython.display import Markdown

from aslp_lib.course.figures.curves import curves
from aslp_lib.course.figures.panels import pictures
from aslp_lib.course.figures.reliability import reliability_dots
from aslp_lib.course.figures.seeds import by_seed
from aslp_lib.evaluation.figures import show
from aslp_lib.evaluation.tables import markdown_table


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Markdown:
    """Show a table with true minus signs; see `markdown_table`."""
    return Markdown(re.sub(r"(?<![\w-])-(?=\d)", "−", markdown_table(head, rows)))


def numbers(
    head: Sequence[str], rows: Mapping[str, Iterable[float]], digits: int = 0, scale: float = 1
) -> Markdown:
    """Show a table of numbers.

    Args:
        head: head of the column of names, and of the others.
        rows: name -> the numbers of the row.
        digits: number of decimal places.
        scale: factor of all numbers.
    """

    cells = [[name, *(f"{scale * x:z.{digits}f}" for x in row)] for name, row in rows.items()]
    return table(head, cells)


def percentages(
    head: Sequence[str], rows: Mapping[str, Iterable[float]], digits: int = 0
) -> Markdown:
    """Show a table of shares in %, or of costs per pixel for 100 pixels; see `numbers`."""
    return numbers(head, rows, digits, scale=100)
