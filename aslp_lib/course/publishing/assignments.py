"""A notebook's exercises as an assignment to hand in, made from their records."""

from __future__ import annotations

from types import ModuleType

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from aslp_lib.course.publishing.solutions import KERNEL

METADATA = "aslp"
"""Of an answer's cell: `{"aslp": {"exercise": "NN/word"}}`, by which it is known, whatever stands
in it or around it."""

INSTRUCTIONS = """\
# Assignment: `{notebook}`

{exercises} exercises, {marks} marks. They are about `notebooks/{notebook}.ipynb`: work through that
first.

- Put your answer in place of the three dots, a number or a function, and run the cell: it says
  whether it is right, and otherwise why not. You may try as often as you like.
- **Each answer's cell is graded by itself.** It has to import and define what it uses. Of the cells
  before it only imports are made.
- The cell gets 20 seconds, and a function 10 for all its calls; one gigabyte; no other process, no
  files, no network. Plain Python: no `%` and no `!`.
- Cells of your own are welcome, for notes and trials. They are not read.
- Save the notebook and hand it in. Of two answers to an exercise the last one counts.
"""


def assignment(module: ModuleType) -> NotebookNode:
    """The assignment on one notebook's exercises."""
    marks = sum(exercise.marks for exercise in module.EXERCISES)
    instructions = INSTRUCTIONS.format(
        notebook=module.NOTEBOOK, exercises=len(module.EXERCISES), marks=marks
    )
    cells = [
        new_markdown_cell(instructions.strip(), id="instructions"),
        new_code_cell("from aslp_lib.course import exercises", id="imports"),
    ]
    for exercise in module.EXERCISES:
        word = exercise.name.replace("/", "-")
        counted = "1 mark" if exercise.marks == 1 else f"{exercise.marks} marks"
        cells += [
            new_markdown_cell(f"{exercise.markdown}\n\n({counted})", id=f"question-{word}"),
            new_code_cell(
                exercise.cell, id=f"answer-{word}", metadata={METADATA: {"exercise": exercise.name}}
            ),
        ]
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
