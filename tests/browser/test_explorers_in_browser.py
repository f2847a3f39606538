"""The explorers in Chromium, by keyboard, mouse and touch: in JupyterLab with a kernel, and without
one on a page that is opened as a file.

Skipped where there is no Chromium or no playwright.
"""

from __future__ import annotations

import functools
import re

import pytest
from explorers import NAMES, explorer_of

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
pytestmark = pytest.mark.slow

made = functools.cache(lambda name: explorer_of(name)())
ON_A_DESK = {"viewport": {"width": 1280, "height": 1000}}
ON_A_TELEPHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def opened(watched, page_of):
    """Function that opens a page with an explorer, and returns the explorer's element."""

    def open_page(name: str, **options):
        page = watched(**options)
        page.goto(page_of(made(name)))
        place = page.locator(".live")
        expect(place.get_by_role("status")).not_to_be_empty()
        return page, place

    return open_page


def figures(place) -> str:
    """Return what is drawn: the names and marks of all SVGs and the pixels of all canvases."""
    return place.evaluate(
        "place => [...place.querySelectorAll('svg, canvas')].map(one => one.ariaLabel + "
        "(one.toDataURL ? one.toDataURL() : one.innerHTML)).join()"
    )


def top(place) -> float:
    """Return how far the figures are below the top of the explorer."""
    return place.locator(".figures").bounding_box()["y"] - place.bounding_box()["y"]


def drive(place, keys: tuple[str, ...], around: bool) -> None:
    """Move every control by keyboard: readout and figures follow, and the page does not jump.

    Args:
        keys: keys that are pressed on a slider, from its start.
        around: press every radio button of a group, and not only the next one.
    """
    place.scroll_into_view_if_needed()
    start, words = top(place), place.get_by_role("status")

    def press(find, *pressed: str) -> None:
        drawn = figures(place)
        for i, key in enumerate(pressed):
            before = words.inner_text()
            find().press(key)
            assert words.inner_text() != before, key
            assert i > 0 or figures(place) != drawn
        assert top(place) == start

    for slider in place.locator("input[type=range]:enabled").all():
        slider.press("Home")
        press(lambda slider=slider: slider, *keys)
    for group in place.locator("fieldset:enabled").all():
        choices = group.locator("label:not([hidden]) input:enabled").count()
        if choices > 1:
            times = choices if around else 1
            press(lambda group=group: group.locator("input:checked"), *["ArrowRight"] * times)


@pytest.mark.parametrize("name", NAMES)
def test_by_keyboard_on_a_page(opened, serious, name):
    page, place = opened(name, **ON_A_DESK)
    labels = place.locator("legend, label.slider > span:first-child").all_inner_texts()
    assert len(labels) == len(set(labels)) and all(labels)
    drive(place, ("End", "ArrowLeft", "PageDown", "Home", *["ArrowRight"] * 4), around=True)
    for picture in place.locator("svg, canvas").all():
        assert picture.get_attribute("role") == "img" and picture.get_attribute("aria-label")
    assert page.wrong + serious(page) == []


@pytest.mark.parametrize("name", NAMES)
def test_by_touch_on_a_dark_telephone_and_on_paper(opened, serious, name):
    page, place = opened(name, **ON_A_TELEPHONE)
    look = "name => getComputedStyle(document.querySelector('.live'))[name]"
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(look, "backgroundColor") == "rgb(18, 18, 18)"
    for key in ("backgroundColor", "color"):
        page.evaluate(f"document.body.style.{key} = ({look})('{key}')")
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wider) <= 0
    for slider in place.locator("input[type=range]:enabled").all():
        slider.press("Home")
        before, box = place.get_by_role("status").inner_text(), slider.bounding_box()
        slider.tap(position={"x": 0.7 * box["width"], "y": box["height"] / 2})
        expect(place.get_by_role("status")).not_to_have_text(before)
    for button in place.locator("fieldset:enabled label:not([hidden])").all():
        if button.is_visible() and button.locator("input").is_enabled():  # data sets differ
            button.tap()
            assert button.locator("input").is_checked()
    assert page.wrong + serious(page) == []
    page.emulate_media(media="print")
    assert page.evaluate(look, "backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", NAMES)
def test_a_photograph_is_described_by_the_readout_of_today(opened, name):
    _, place = opened(name, **ON_A_DESK)
    assert place.get_by_role("status").inner_text() == made(name).alt, "run `make stills`"


def test_the_mouse_drags_a_slider(opened):
    page, place = opened("label_perturbation.lab", **ON_A_DESK)
    words = place.get_by_role("status")
    slider = place.get_by_role("slider", name="dose alpha*beta")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 0.34 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    seen = set()
    for share in (0.4, 0.5, 0.6, 0.7, 0.8):  # everything follows before the button is released
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        seen.add((words.inner_text(), figures(place)))
    page.mouse.up()
    assert len(seen) == 5


def test_real_data_has_its_own_networks(opened):
    page, place = opened("label_perturbation.lab", **ON_A_DESK)
    words, maps = place.get_by_role("status"), place.locator("figure")
    expect(words).to_contain_text("constant alpha (HI)")
    place.get_by_text("undone", exact=True).click()
    expect(words).to_contain_text("undone")
    place.get_by_text("nuclei (real)").click()
    expect(words).to_contain_text("label smoothing")
    expect(maps.nth(1)).to_contain_text("labels")  # the true probability is unknown
    expect(place.get_by_text("constant alpha (HI)", exact=True)).to_be_hidden()
    place.get_by_text("shapes (synthetic)").click()
    expect(place.get_by_text("constant alpha (HI)", exact=True)).to_be_visible()
    expect(maps.nth(1)).to_contain_text("true P(y=1)")
    assert page.wrong == []


def test_a_run_is_played_silently(opened):
    page, place = opened("training.explorer", **ON_A_DESK)
    words, slider = place.get_by_role("status"), place.get_by_role("slider", name="epoch")
    slider.press("End")
    place.get_by_role("button", name="play").press("Enter")  # from the start
    expect(words).to_contain_text(re.compile(r"epoch [468]:"))
    expect(words).to_have_attribute("aria-live", "off")
    place.get_by_role("button", name="pause").press("Enter")
    expect(words).to_have_attribute("aria-live", "polite")
    stopped = words.inner_text()
    page.wait_for_timeout(600)
    assert words.inner_text() == stopped


def test_controls_without_effect_are_disabled(opened):
    _, place = opened("stability.explorer", **ON_A_DESK)
    place.get_by_text("measured gap (an extension)").click()
    for option in ("stable step", "5000"):
        expect(place.get_by_role("radio", name=option)).to_be_disabled()


@pytest.mark.xdist_group("lab")  # one JupyterLab serves all
def test_in_jupyterlab(watched, run_in_lab, serious):
    page = watched(**ON_A_DESK)
    cells = [
        f"from aslp_lib.course.lessons.{name} import {explorer_of(name).__name__} as kind\n"
        "one = kind()\none"
        for name in NAMES
    ]
    notebook = run_in_lab(page, *cells, "print(one.values)")
    places = notebook.locator(".live")
    expect(places).to_have_count(len(NAMES), timeout=60_000)
    for place in places.all():
        expect(place.get_by_role("status")).not_to_be_empty(timeout=60_000)
        drive(place, ("End", "ArrowLeft"), around=False)
    assert serious(page, {"include": [[".live"]]}) == []
