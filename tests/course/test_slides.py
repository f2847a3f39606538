"""The slides that nbconvert makes from the notebooks, as `make slides` calls it."""

from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import SlidesExporter
from notebook_files import NOTEBOOKS, ROOT

STARTS = {"slide", "subslide"}
TYPES = STARTS | {"fragment", "notes", "skip"}


def slide_types(path: Path) -> dict[str, str]:
    """The slide type of each cell, by the cell's id. Empty if a cell has none."""
    cells = nbformat.read(path, nbformat.NO_CONVERT).cells
    return {cell.id: cell.metadata.get("slideshow", {}).get("slide_type", "") for cell in cells}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_cell_has_a_slide_type_and_each_notebook_has_slides(path):
    """nbconvert would show a cell without a type."""
    types = slide_types(path)
    assert {name: kind for name, kind in types.items() if kind not in TYPES} == {}
    assert sum(kind in STARTS for kind in types.values()) >= 3


@pytest.mark.parametrize("path", NOTEBOOKS[:2], ids=lambda path: path.stem)
def test_a_deck_shows_the_chosen_cells_without_code_and_describes_figures(path):
    template = str(ROOT / "docs" / "slides.html.j2")
    page, _ = SlidesExporter(template_file=template, exclude_input=True).from_filename(path)
    deck, types = BeautifulSoup(page, "html.parser"), slide_types(path)
    chosen = [f"cell-id={name}" for name, kind in types.items() if kind != "skip"]
    assert [cell["id"] for cell in deck.select(".jp-Cell")] == chosen
    starts = sum(kind in STARTS for kind in types.values())
    assert len(deck.select(".slides > section > section")) == starts
    assert not deck.select(".jp-CodeCell .jp-InputArea")
    assert {len(image["alt"]) > 20 for image in deck.select(".slides img")} == {True}
