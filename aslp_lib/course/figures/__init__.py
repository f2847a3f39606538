"""Figures that several lessons share, of the course and of the library, and tables."""

from collections.abc import Iterable, Sequence

from IPython.display import Markdown

from aslp_lib.course.figures.curves import alphas_over_epochs, curves
from aslp_lib.course.figures.trial import memorisation, primary_contrasts, training_set_size
from aslp_lib.evaluation.figures import (
    error_maps,
    gallery,
    reliability_diagrams,
    show,
    training_history,
)
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.experiments.figures import (
    in_and_under_shift,
    paired_differences,
    scores_over_seeds,
)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Markdown:
    """Show a table; see `markdown_table`."""
    return Markdown(markdown_table(head, rows))
