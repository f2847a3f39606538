"""The book's own code: notebooks without a kernel, and frames."""

import json
import re
from functools import cache
from pathlib import Path

import frames
import pytest
import static_notebooks

from aslp_lib.course.explorers import EXPLORERS, Explorer, loss
from aslp_lib.course.explorers.base import rendered

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").rglob("*.ipynb"))
WIDGET = static_notebooks.WIDGET


@cache
def static(path: Path) -> tuple[list[dict], list[dict]]:
    """A notebook's cells as they are, and as its page has them; frames stand for themselves."""
    before, after = (json.loads(path.read_text(encoding="utf-8")) for _ in range(2))
    static_notebooks.static(after, lambda name: f"frames of {name}", {"level_lab"})
    return before["cells"], after["cells"]


def html(cell: dict) -> list[str]:
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [each["text/html"] for each in data if "text/html" in each]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}-{p.stem}")
class TestNotebook:
    def test_nothing_asks_for_a_kernel_and_the_rest_is_as_it_was(self, path):
        before, after = static(path)
        assert len(before) == len(after)
        assert "make lab" in after[0]["source"]
        for old, new in zip(before[1:], after[1:], strict=True):
            assert old["source"] == new["source"]
            left = [o for o in old.get("outputs", []) if WIDGET not in o.get("data", {})]
            asked = [o for o in left if "Not answered yet" in str(o.get("data"))]
            assert [o for o in left if o not in asked] == [
                o for o in new.get("outputs", []) if o in left
            ]
            assert WIDGET not in str(new.get("outputs"))
            assert len(html(new)) >= len(asked)

    def test_every_picture_keeps_its_description(self, path):
        for cell in static(path)[1]:
            pictures = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
            assert len(pictures) <= 1  # as a cell's options describe one
            for picture in pictures:
                alt = picture["metadata"]["image/png"]["alt"]
                assert cell["metadata"]["mystnb"]["image"]["alt"] == alt != ""

    def test_a_prediction_and_an_exercise_say_where_they_are_answered(self, path):
        for cell in static(path)[1]:
            asks = re.search(r"= (?:predictions\.)?(Number|Choice)\(", "".join(cell["source"]))
            open_ = cell["cell_type"] == "code" and "= ...\n" in "".join(cell["source"])
            if asks or open_:
                (said,) = html(cell)
                assert said.startswith(f'<p class="{"prediction" if asks else "exercise"}">')
                assert "<code>make lab</code>" in said


def test_an_explorer_with_frames_has_them_and_another_its_picture():
    (lab,) = [path for path in NOTEBOOKS if path.match("notebooks/10_level_lab.ipynb")]
    (sc_bce,) = [path for path in NOTEBOOKS if path.match("notebooks/03_sc_bce.ipynb")]
    of = {}
    for path in (lab, sc_bce):
        for cell in static(path)[1]:
            found = static_notebooks.EXPLORER.search("".join(cell["source"]))
            if found and cell["cell_type"] == "code":
                of[found[1]] = cell["outputs"][0]["data"]
    assert of["level_lab"] == {"text/html": "frames of level_lab"}
    assert "image/png" in of["loss"]


@pytest.mark.slow
@pytest.mark.parametrize("name", frames.FRAMES)
def test_the_frames_are_the_explorer_s_pictures_in_the_order_of_their_control(name):
    explorer, chosen = EXPLORERS[name](), frames.FRAMES[name]
    values = frames.steps(explorer, chosen)
    order = [explorer.grids()[chosen.control].index(each[chosen.control]) for each in values]
    assert 3 <= len(order) <= 30 and order == sorted(set(order))
    made = frames.frames_html(name)
    data = re.search(r'<script type="application/json">(.*)</script>', made)[1]
    assert "<" not in data  # nothing in it ends the script
    pictures = json.loads(data)
    assert len(pictures) == len(values)
    assert len({each["src"] for each in pictures}) == len(values)  # the control has a say
    for each, told in zip(values, pictures, strict=True):
        assert told["words"] == explorer.readout(**each)
        assert told["alt"] == rendered(explorer.picture(**each))[1]
    here = int(re.search(r'type="range" min="0" max="\d+" value="(\d+)"', made)[1])
    assert values[here] == explorer.values  # it opens as in the notebook


def test_frames_of_a_value_that_there_is_not_are_refused():
    explorer = loss()
    assert isinstance(explorer, Explorer)
    with pytest.raises(ValueError, match=r"the explorer has no alpha = 0\.123"):
        frames.steps(explorer, frames.Frames("alpha", values=(0.123,)))
    with pytest.raises(ValueError, match="the explorer has no level = None"):
        frames.steps(explorer, frames.Frames("level"))
    values = frames.steps(explorer, frames.Frames("alpha", values=(0.0, 0.1)))
    assert values == [explorer.values | {"alpha": alpha} for alpha in (0.0, 0.1)]


@pytest.mark.parametrize("name", ["feedback", "level_lab", "loss"])
def test_a_frame_s_value_is_written_as_the_explorer_writes_it(name):
    explorer, control = EXPLORERS[name](), frames.FRAMES[name].control
    told = frames.labels(explorer, control)
    assert list(told) == explorer.grids()[control]
    if control in explorer.shown:
        for value in list(told)[::4]:
            explorer.controls[control].value = value
            assert told[value] == explorer.shown[control].value
    else:
        assert told == {value: text for text, value in explorer.controls[control].options}
