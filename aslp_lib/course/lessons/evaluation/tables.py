"""Intervals as text, and a table of scores and intervals."""

from collections.abc import Mapping, Sequence

from IPython.display import Markdown

from aslp_lib.course import figures
from aslp_lib.metrics import bootstrap
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import ScoreFunction


def span(low: float, high: float, form: str = "+z.1f") -> str:
    """Format an interval; a difference with signs.

    >>> span(-1.23, 3.04), span(4.42, 6.7, ".1f")
    ('−1.2 to +3.0', '4.4 to 6.7')
    """
    return f"{low:{form}} to {high:{form}}".replace("-", "−")


def difference(first: Counts, second: Counts, score: ScoreFunction, form: str = "+z.1f") -> str:
    """Format the paired 95 % interval, over fields, of `score(first) - score(second)`."""
    found = bootstrap.difference(first, second, score)
    return span(found.low, found.high, form)


def table(head: Sequence[str], rows: Mapping[str, Sequence[float | str]]) -> Markdown:
    """Show scores, rounded to whole numbers, and intervals, one row per network."""
    cells = [[n, *(x if isinstance(x, str) else f"{x:z.0f}" for x in r)] for n, r in rows.items()]
    return figures.table(head, cells)
