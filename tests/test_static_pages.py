"""The book's own code: notebooks as pages without a kernel, and frames of the explorers."""

import json
import re
from functools import cache
from pathlib import Path

import frames
import pytest
import static_notebooks

from aslp_lib.course.explorers import EXPLORERS, base, loss
from aslp_lib.evaluation.figures import alt

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").rglob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_page_needs_no_kernel_and_describes_its_pictures(path):
    before, after = (json.loads(path.read_text(encoding="utf-8"))["cells"] for _ in range(2))
    static_notebooks.static({"cells": after}, "frames of {}".format, frames.FRAMES)
    assert "make lab" in after[0]["source"]
    assert [cell["source"] for cell in after[1:]] == [cell["source"] for cell in before[1:]]
    for cell in after:
        outputs = [output.get("data", {}) for output in cell.get("outputs", [])]
        assert not any(static_notebooks.WIDGET in data for data in outputs)
        if any("image/png" in data for data in outputs):
            assert cell["metadata"]["mystnb"]["image"]["alt"]
        if re.search(r"= (?:predictions\.)?(Number|Choice)\(", "".join(cell["source"])):
            assert any("<code>make lab</code>" in data.get("text/html", "") for data in outputs)


@pytest.mark.parametrize("name", frames.FRAMES)
def test_frames_are_the_pictures_of_the_explorer(name, monkeypatch):
    """The first, the last, and the one that the page opens with, as the notebook does."""
    monkeypatch.setattr(base, "DPI", 40)
    explorer, chosen = EXPLORERS[name](), frames.FRAMES[name]
    monkeypatch.setitem(EXPLORERS, name, lambda: explorer)
    values = [each[chosen.control] for each in frames.steps(explorer, chosen)]
    opening = explorer.values[chosen.control]
    few = frames.Frames(chosen.control, list(dict.fromkeys((values[0], opening, values[-1]))))
    monkeypatch.setitem(frames.FRAMES, name, few)
    monkeypatch.setattr(explorer, "picture", cache(explorer.picture))
    html = frames.frames_html(name)
    pictures = json.loads(re.search(r'<script type="application/json">([^<]*)</script>', html)[1])
    assert len({picture["src"] for picture in pictures}) == len(few.values)
    for each, picture in zip(frames.steps(explorer, few), pictures, strict=True):
        assert picture["words"] == explorer.readout(**each)
        assert picture["alt"] == alt(explorer.picture(**each))
    start = int(re.search(r'type="range" min="0" max="\d+" value="(\d+)"', html)[1])
    assert few.values[start] == opening


def test_frames_of_a_value_that_the_explorer_does_not_have_are_refused():
    with pytest.raises(ValueError, match=r"the explorer has no alpha = 0\.123"):
        frames.steps(loss(), frames.Frames("alpha", values=(0.123,)))
