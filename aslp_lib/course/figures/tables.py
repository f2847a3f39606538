"""Tables of numbers and of verdicts, with true minus signs."""

import re
from collections.abc import Iterable, Mapping, Sequence

from IPython.display import Markdown

from aslp_lib.course import second_trial
from aslp_lib.course.second_trial import Judged
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


def verdicts(
    head: Sequence[str],
    rows: Mapping[str, Judged],
    means: Mapping[str, Sequence[float]] | None = None,
) -> Markdown:
    """Show verdicts as a table: name, mean scores if given, difference with interval, and word.

    Args:
        head: titles of all columns.
        rows: name of a row -> its verdict. An ECE is shown in %, an NLL in nats.
        means: name of a row -> mean scores of its methods.
    """
    cells = []
    for name, (contrast, effect, word) in rows.items():
        score = "ece" if contrast.question.startswith("ece") else "nll"
        scores = [second_trial.text(x, score) for x in (means or {}).get(name, ())]
        cells.append([name, *scores, second_trial.interval_text(effect, score), word])
    return table(head, cells)
