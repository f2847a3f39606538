"""`aslp course` opens the copies in JupyterLab: a prediction is kept, and an explorer moves."""

import json

import pytest

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lab")]


def test_a_lesson_of_the_course(lab, watched, run_all):
    address, folder = lab
    page = watched(viewport={"width": 1280, "height": 1000})
    page.goto(address.format("notebooks/04_sc_bce.ipynb"))
    notebook = run_all(page)
    place = notebook.locator(".prediction").first
    place.scroll_into_view_if_needed()
    expect(place.get_by_role("status")).to_contain_text("Answer: ")  # it was not answered in time
    code = notebook.locator(".jp-CodeCell")
    asks, answers = (
        code.filter(has_text="guess_pixel = "),
        code.filter(has_text="guess_pixel.against"),
    )

    def run(cell):
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")

    run(asks)
    box = asks.locator(".prediction").get_by_label("Your number (")
    expect(box).to_be_enabled()
    box.fill("0.7")
    asks.locator(".prediction").get_by_label("How likely").fill("60")
    run(answers)
    expect(answers.locator(".jp-OutputArea-output", has_text="You said 0.7")).to_be_visible()
    recorded = json.loads((folder / "notebooks/predictions.json").read_text(encoding="utf-8"))
    assert [made["confidence"] for made in recorded.values()] == [60]

    explorer = notebook.locator(".live").filter(has=page.get_by_role("slider"))
    words = explorer.get_by_role("status")
    before = words.text_content()
    explorer.get_by_role("slider").first.press("ArrowRight")
    expect(words).not_to_have_text(before)
