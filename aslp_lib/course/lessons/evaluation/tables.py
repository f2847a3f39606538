"""Tables of scores and of intervals."""

from collections.abc import Mapping, Sequence

from IPython.display import Markdown

from aslp_lib.course import figures


def table(
    rows: Mapping[str, Sequence[float | tuple[float, float]]], *columns: str, digits: int = 0
) -> Markdown:
    """Show scores, and intervals of differences with their signs, one row per network.

    Args:
        rows: network -> its scores and intervals; an interval from 0 to 0 leaves its cell empty.
        columns: heads of the columns after the first.
        digits: digits of the scores after the point.
    """

    def text(value: float | tuple[float, float]) -> str:
        if not isinstance(value, tuple):
            return f"{value:.{digits}f}"
        return " to ".join(f"{end:+z.1f}" for end in value) if any(value) else ""

    cells = ([name, *map(text, values)] for name, values in rows.items())
    return figures.table(["network", *columns], cells)
