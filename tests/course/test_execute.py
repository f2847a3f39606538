"""Notebooks are run in place, with the same result each time."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from aslp_lib.course.publishing.execute import WIDGET, main

PRINTS = """\
import sys
for number in range(2):
    print(number)
    sys.stdout.flush()
"""
SHOWS = """\
from ipywidgets import IntSlider
slider = IntSlider()
display(slider, slider, IntSlider())
"""


def notebook(path, *sources):
    cells = [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    path.write_text(nbformat.writes(new_notebook(cells=cells)))
    return path


@pytest.mark.slow
def test_running_a_notebook_again_changes_nothing_and_one_that_fails_keeps_its_file(
    tmp_path, capsys
):
    wrong = notebook(tmp_path / "wrong.ipynb", "assert 1 == 2, 'one is not two'")
    unchanged, path = wrong.read_text(), notebook(tmp_path / "right.ipynb", PRINTS, SHOWS)
    assert main([wrong, path]) == 1
    assert wrong.read_text() == unchanged
    assert "wrong.ipynb" in (said := capsys.readouterr().err) and "one is not two" in said
    before = path.read_text()
    printed, shown = (cell.outputs for cell in nbformat.read(path, as_version=4).cells)
    assert [output.text for output in printed] == ["0\n1\n"]
    assert [int(output.data[WIDGET]["model_id"]) for output in shown] == [0, 0, 1]
    assert main([path]) == 0
    assert path.read_text() == before
