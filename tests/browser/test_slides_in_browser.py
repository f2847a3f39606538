"""The slides and the cheat sheet in a real browser: keys move on, nothing is asked of a network.

Skipped where there is no Chromium or no playwright.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aslp_lib.course.teaching import __main__ as making
from aslp_lib.course.teaching.slides import sessions

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SIZES = [(1280, 720), (1024, 768), (1920, 1080)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of all pages."""
    folder = tmp_path_factory.mktemp("slides")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(making, "OUT", folder)
        making.main()
    return folder


@pytest.fixture
def page(watched):
    return watched(viewport={"width": 1280, "height": 720})


def here(page) -> int:
    """The number of the one slide that shows."""
    shown = page.locator("section:visible")
    assert shown.count() == 1
    return int(page.locator("output").inner_text().split()[0])


DECKS = ["class", *(f"session_{n}" for n in range(1, len(sessions()) + 1))]


@pytest.mark.parametrize("name", DECKS)
def test_keys_go_through_the_deck_and_each_slide_fits(page, made, serious, name):
    page.goto((made / f"{name}.html").as_uri())
    last, press = page.locator("section").count(), page.keyboard.press
    assert here(page) == 1
    assert serious(page) == []
    for number in range(1, last + 1):
        assert here(page) == number
        slide = page.locator("section:visible")
        assert slide.locator("h1, h2").evaluate("heading => document.activeElement === heading")
        if slide.locator(".answer").count():
            assert not slide.locator(".answer").is_visible()  # it waits
            press("ArrowRight")
            assert slide.locator(".answer").is_visible() and here(page) == number
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            over = "e => [e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight]"
            assert max(page.locator("html").evaluate(over)) <= 0, slide.inner_text()
        for picture in slide.locator("figure img").all():
            assert picture.evaluate("image => image.naturalWidth") > 100
            assert picture.bounding_box()["height"] > 0.3 * SIZES[-1][1]
        press("ArrowRight")
    assert here(page) == last  # and no further
    assert page.wrong + serious(page) == []


def test_other_keys_buttons_and_the_address(page, made):
    page.goto((made / "class.html").as_uri() + "#3")
    assert here(page) == 3
    for key, to in [
        ("ArrowLeft", 2), ("PageUp", 1), ("Home", 1), ("PageDown", 2), ("Home", 1), ("Space", 2),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert here(page) == to, key
    page.keyboard.press("End")
    assert here(page) == page.locator("section").count()
    page.get_by_role("button", name="Back").click()
    assert here(page) == page.locator("section").count() - 1
    page.keyboard.press("Home")
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Space")  # presses the button, once
    assert here(page) == 2
    assert page.url.endswith("#2")
    page.reload()
    assert here(page) == 2


def test_without_javascript_and_in_print_all_shows(browser, made):
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((made / "class.html").as_uri())
    answers = plain.locator(".answer")
    assert answers.count() > 5
    assert all(answer.is_visible() for answer in answers.all())
    context.close()
    printed = browser.new_page()
    printed.goto((made / "class.html").as_uri())
    pages = len(re.findall(rb"/Type\s*/Page\b", printed.pdf(prefer_css_page_size=True)))
    assert pages == printed.locator("section").count()
    printed.close()


def test_the_cheat_sheet_is_one_page_of_paper(page, made, serious):
    page.goto((made / "cheat_sheet.html").as_uri())
    paper = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
    assert page.wrong + serious(page) == []
