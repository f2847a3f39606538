"""The book, built and read: its links, and in a real browser its formulas, explorers, search, width
and colours, without a network.

Skipped where Sphinx or, for what needs it, Chromium is not installed.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urlparse

import pytest
from filelock import FileLock

from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.live import FOLDER

ROOT = Path(__file__).parents[2]
pytest.importorskip("sphinx", reason="`make test-book` installs what the book is built with")
pytestmark = pytest.mark.slow

PARTS = 4
"""Parts of the pages, which several processes may share."""
ALIKE = ("_modules/", "genindex", "py-modindex", "index.html", "notebooks/solutions/")
"""Pages that are alike, or a copy."""
KINDS = (
    "README.html",
    "CLAIMS.html",
    "notebooks/03_sc_bce.html",
    "notebooks/e5_perturbation_lab.html",
    "notebooks/solutions/solutions.html",
    "docs/api/aslp_lib.aslp.html",
    "_modules/aslp_lib/aslp/loss.html",
    "genindex.html",
    "search.html",
)
"""A page of each kind."""
EXPLORERS = [n for n in LESSONS if (FOLDER.parent / "lessons" / n / "explorer.py").exists()]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """The folder of a fresh build, as `make book` makes it: a warning is an error.

    The processes of pytest-xdist, whose folders lie in one, share it.
    """
    folder = tmp_path_factory.getbasetemp()
    out = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "book"
    with FileLock(out.with_suffix(".lock")):
        if not out.exists():
            half = tmp_path_factory.mktemp("built") / "book"
            options = ["-W", "--keep-going", "-q", "-E", "-c", "docs"]
            result = subprocess.run(
                [sys.executable, "-m", "sphinx", *options, ".", str(half)],
                cwd=ROOT,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
            )
            assert result.returncode == 0, result.stderr
            half.rename(out)
    return out


class Page(NamedTuple):
    """What a page links to, what it loads, and where it may be linked at."""

    links: set[str]
    loaded: set[str]
    ids: set[str]

    @classmethod
    def read(cls, path: Path) -> Page:
        from bs4 import BeautifulSoup

        html = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        loading = html.find_all(["img", "script", "link"])
        return cls(
            {each["href"] for each in html.find_all("a", href=True)},
            {each.get("src") or each.get("href") for each in loading} - {None},
            {each["id"] for each in html.find_all(id=True)},
        )


@pytest.fixture(scope="module")
def names(book) -> list[str]:
    """The places of the pages in the folder."""
    paths = [path.relative_to(book) for path in sorted(book.rglob("*.html"))]
    return [path.as_posix() for path in paths if "_static" not in path.parts]


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(names, book):
    pages, wrong = {name: Page.read(book / name) for name in names}, []
    for name, page in pages.items():
        for link in page.links | page.loaded:
            target, anchor = urldefrag(link)
            if scheme := urlparse(link).scheme:
                wrong += [f"{name} loads {link}"] * (link in page.loaded and scheme != "data")
                continue
            path = (book / name).parent / unquote(urlparse(target).path) if target else book / name
            place = Path(os.path.normpath(path))
            there = pages.get(place.relative_to(book).as_posix())
            if not place.is_file() or (there and anchor and unquote(anchor) not in there.ids):
                wrong.append(f"{name}: {link}")
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module")
def address(book):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(book))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


STILL = "document.getAnimations().every(a => a.playState !== 'running')"
"""Colours fade from one theme to the other: what is read in between is neither's."""


def open_page(page, url: str) -> None:
    page.goto(url)
    page.evaluate("window.MathJax?.startup?.promise")  # all formulas are set
    page.wait_for_function(STILL)


SEEN = """() => ({
  formulas: document.querySelectorAll(".math").length,
  typeset: document.querySelectorAll(".math > mjx-container").length,
  errors: document.querySelectorAll("mjx-merror, [data-mml-node=merror]").length,
  raw: [...document.querySelectorAll(".math")].filter(m => /\\\\[([]/.test(m.textContent)).length,
  wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_on_a_telephone(watched, serious, address, names, part):
    """No error, no page to scroll sideways, formulas that are set, nothing grave that axe finds;
    of pages that are alike, one."""
    page, formulas = watched(viewport=PHONE), 0
    once = [name for name in names if name in KINDS or not name.startswith(ALIKE)]
    for name in once[part::PARTS]:
        open_page(page, address + name)
        seen = page.evaluate(SEEN)
        formulas += seen["typeset"]
        if seen["typeset"] != seen["formulas"] or seen["errors"] or seen["raw"]:
            page.wrong.append(f"{name}: formulas: {seen}")
        if seen["wider"] > 0:
            page.wrong.append(f"{name} is {seen['wider']} pixels wider than the screen")
        page.wrong += serious(page, rules={"color-contrast": {"enabled": False}})
    assert not page.wrong, "\n".join(page.wrong)
    assert formulas


@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_nothing_grave_on_a_desk(watched, serious, address, name):
    page = watched(viewport=DESK, color_scheme="dark")
    open_page(page, address + name)
    for colours in ("dark", "light"):
        page.emulate_media(color_scheme=colours)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{colours}'")
        page.wait_for_function(STILL)
        assert page.wrong + serious(page) == []


def test_the_book_is_small_enough_to_send(book):
    size = sum(file.stat().st_size for file in book.rglob("*") if ".doctrees" not in file.parts)
    assert size <= 60 * 2**20


@pytest.mark.parametrize("lesson", EXPLORERS)
def test_an_explorer_of_the_book_opened_as_a_file(watched, book, lesson):
    """A theme's style sheet may hide a control or a figure; a page may lack a script."""
    page = watched(viewport=DESK)
    open_page(page, (book / f"notebooks/{LESSONS[lesson].notebook}.html").as_uri())
    explorer = page.locator(".live", has=page.get_by_role("slider"))
    words, slider = explorer.get_by_role("status"), explorer.get_by_role("slider").first
    before = words.inner_text()
    slider.press("End")
    slider.press("ArrowLeft")
    assert words.inner_text() != before
    for picture in explorer.locator("svg, canvas").all():
        assert picture.bounding_box()["height"] > 40
    assert explorer.bounding_box()["width"] > 500
    assert page.wrong == []


def test_the_search_finds_a_term(watched, address):
    page = watched(viewport=DESK)
    open_page(page, address + "README.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("histogram")
    page.keyboard.press("Enter")
    found = page.locator("#search-results a[href*='docs/recalibration.html']")
    found.first.wait_for(timeout=20_000)
    assert page.wrong == []
