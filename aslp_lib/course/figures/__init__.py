"""Figures that several lessons share, of the course and of the library, and tables."""

from collections.abc import Iterable, Sequence

from IPython.display import Markdown

from aslp_lib.course.figures.curves import alphas_over_epochs, curves
from aslp_lib.course.figures.panels import pictures
from aslp_lib.course.figures.reliability import reliability_dots
from aslp_lib.evaluation.figures import gallery, show
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.experiments.figures import paired_differences


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Markdown:
    """Show a table; see `markdown_table`."""
    return Markdown(markdown_table(head, rows))
