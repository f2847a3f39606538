"""The book's own code: notebooks as pages without a kernel, and widgets that run in the page."""

import json
import re
from pathlib import Path

import live_pages
import pytest
import static_notebooks

from aslp_lib.course.publishing.copies import CI_CHECK

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").rglob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_page_needs_no_kernel_shows_no_checks_and_describes_its_pictures(path):
    before, notebook = (json.loads(path.read_text(encoding="utf-8")) for _ in range(2))
    static_notebooks.static(notebook)
    after = notebook["cells"]
    assert "make lab" in after[0]["source"]
    kept = [c for c in before["cells"] if CI_CHECK not in c["metadata"].get("tags", ())]
    assert [cell["source"] for cell in after[1:]] == [cell["source"] for cell in kept[1:]]
    for cell in after:
        outputs = [output.get("data", {}) for output in cell.get("outputs", [])]
        assert not any(static_notebooks.WIDGET in data for data in outputs)
        if any("image/png" in data for data in outputs):
            assert cell["metadata"]["mystnb"]["image"]["alt"]
        if re.search(r"= (?:predictions\.)?(Number|Choice)\(", "".join(cell["source"])):
            assert any("data-live=" in data.get("text/html", "") for data in outputs)


def test_a_widget_that_is_not_one_is_refused():
    with pytest.raises(ValueError, match=r"'json\.dumps'; expected a class"):
        live_pages.element({"widget": "json.dumps", "state": {}}, "")


def test_state_cannot_end_the_script_that_holds_it():
    widget = "aslp_lib.course.live.Explorer"
    html = live_pages.element({"widget": widget, "state": {"text": "</script><b>"}}, "still")
    assert html.count("</script>") == 1 and "<b>" not in html
