"""Print the words, cells, predictions and estimated minutes of each notebook as a Markdown table.

python benchmarks/minutes.py

A learner reads 200 words of text in a minute, explanations of predictions included. (Adults read
238 words of English non-fiction in a minute, Brysbaert 2019.) A prediction takes a minute, any
other cell of code half a minute, the coded exercise eight, and the question to think about and its
answer four. Optional folds, and cells that only check the results, are not counted. The sum is
rounded to five minutes. These are estimates: no class has been timed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat

from aslp_lib.course.publishing.copies import CI_CHECK
from aslp_lib.evaluation.tables import markdown_table

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
OPTIONAL = re.compile(r"<details>\n<summary>(?!Explanation<).+?</details>", re.S)
HEAD = ("notebook", "words", "code cells", "predictions", "minutes")


def counts(path: Path) -> tuple[int, int, int, int]:
    """Count the words, code cells and predictions of a notebook, and estimate its minutes."""
    cells = nbformat.read(path, nbformat.NO_CONVERT).cells
    code = [
        cell.source
        for cell in cells
        if cell.cell_type == "code" and CI_CHECK not in cell.metadata.get("tags", [])
    ]
    texts = (OPTIONAL.sub("", cell.source) for cell in cells if cell.cell_type == "markdown")
    words = sum(len(text.split()) for text in texts)
    predictions = sum(len(re.findall(r"= ask\(", source)) for source in code)
    exercises = sum("exercises.check(" in source for source in code)
    other = (
        len(code) - 2 * predictions
    )  # a prediction has a cell for the guess and one for the answer
    minutes = words / 200 + other / 2 + predictions + 8 * exercises + 4
    return words, len(code), predictions, 5 * round(minutes / 5)


def main(folder: Path) -> None:
    """Print the table of a folder's notebooks."""
    rows = [[path.stem, *map(str, counts(path))] for path in sorted(folder.glob("*.ipynb"))]
    print(markdown_table(HEAD, rows, "lrrrr"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOKS)
