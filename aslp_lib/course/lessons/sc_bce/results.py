"""Table of numbers."""

from collections.abc import Iterable, Mapping, Sequence

from IPython.display import Markdown

from aslp_lib.course import figures


def table(
    head: Sequence[str], rows: Mapping[str, Iterable[float]], digits: int = 2, scale: float = 1
) -> Markdown:
    """Show a table of numbers.

    Args:
        head: head of the column of names, and of the others.
        rows: name -> the numbers of the row.
        digits: number of decimal places.
        scale: factor of all numbers, such as 100 for shares in %.
    """
    cells = [[name, *(f"{scale * x:z.{digits}f}" for x in row)] for name, row in rows.items()]
    return figures.table(head, cells)
