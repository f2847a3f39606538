"""The explorers in Chromium: in JupyterLab with a kernel, and on a page without one.

Skipped where there is no Chromium or no playwright.
"""

from __future__ import annotations

from pydoc import locate

import pytest

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lab")]  # one JupyterLab serves all

EXPLORERS = ("aslp_lib.course.lessons.sc_bce.explorer.Loss",)


def drive(place) -> None:
    """Move every slider by keyboard; readout and figures follow."""
    words = place.get_by_role("status")
    for control in place.get_by_role("slider").all():
        for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
            before = words.inner_text()
            control.press(key)
            sync_api.expect(words).not_to_have_text(before)


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_in_jupyterlab(watched, run_in_lab, name):
    page = watched(viewport={"width": 1280, "height": 1000})
    module, kind = name.rsplit(".", 1)
    notebook = run_in_lab(page, f"from {module} import {kind}\n{kind}()")
    place = notebook.locator(".live")
    sync_api.expect(place).to_have_count(1, timeout=30_000)
    drive(place)


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_on_a_page_that_is_opened_as_a_file(watched, page_of, serious, name):
    page = watched(viewport={"width": 390, "height": 844})
    page.goto(page_of(locate(name)()))
    drive(page.locator(".live"))
    assert page.wrong + serious(page) == []
