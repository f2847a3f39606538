"""The book, built and read: its links, and in a real browser its formulas, frames, search, width
and colours, without a network.

Skipped where Sphinx or, for what needs it, Chromium is not installed.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import subprocess
import sys
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest

from aslp_lib.course.recorded.levels import LEVELS

ROOT = Path(__file__).parents[2]
NEEDED = ("sphinx", "myst_nb", "sphinx_book_theme", "sphinx-mathjax-offline")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

ALIKE = ("_modules/", "genindex", "py-modindex", "index.html", "notebooks/solutions/")
"""Pages that are alike, or a copy."""
KINDS = (
    "README.html",
    "notebooks/03_sc_bce.html",
    "notebooks/10_level_lab.html",
    "notebooks/solutions/02_label_perturbation.html",
    "docs/results.html",
    "docs/api/aslp_lib.aslp.html",
    "_modules/aslp_lib/aslp/loss.html",
    "genindex.html",
    "search.html",
)
"""A page of each kind."""
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """The folder of a fresh build, as `make book` makes it."""
    out = tmp_path_factory.mktemp("built") / "book"
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-c", "docs", ".", str(out)]
    result = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return out


class Page(HTMLParser):
    """What a page links to and may be linked at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.ids: set[str] = set()
        self.undescribed: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attributes}
        self.ids |= {has["id"]} if "id" in has else set()
        if tag == "a" and "href" in has:
            self.links.add(has["href"])
        elif tag in ("img", "script", "link") and (has.get("src") or has.get("href")):
            self.loaded.add(has.get("src") or has["href"])
        if tag == "img" and not has.get("alt"):
            self.undescribed.append(has.get("src", "")[:80])


@pytest.fixture(scope="module")
def pages(book) -> dict[str, Page]:
    """By their place in the folder."""
    found = [path for path in sorted(book.rglob("*.html")) if "_static" not in path.parts]
    return {path.relative_to(book).as_posix(): Page(path) for path in found}


def test_every_file_that_shall_be_a_page_is_one(pages):
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("notebooks/**/*.ipynb")]:
        if not any(part.startswith(".") for part in path.relative_to(ROOT).parts):
            assert path.relative_to(ROOT).with_suffix(".html").as_posix() in pages


def test_every_public_module_of_the_library_is_documented(pages):
    rooms = (
        *("aslp", "data", "evaluation", "experiments", "methods", "metrics", "networks"),
        *("prediction", "recalibration", "training"),
    )
    anchors = set().union(*(p.ids for name, p in pages.items() if name.startswith("docs/api/")))
    for path in [p for room in rooms for p in (ROOT / "aslp_lib" / room).rglob("*.py")]:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        assert f"module-{module}" in anchors


def test_every_internal_link_leads_somewhere(pages, book):
    wrong = []
    for name, page in pages.items():
        for link in page.links | page.loaded:
            target, anchor = urldefrag(link)
            if urlparse(link).scheme:
                continue
            path = (book / name).parent / unquote(urlparse(target).path) if target else book / name
            place = Path(os.path.normpath(path))
            there = pages.get(place.relative_to(book).as_posix())
            if not place.is_file() or (there and anchor and unquote(anchor) not in there.ids):
                wrong.append(f"{name}: {link}")
    assert not wrong, "\n".join(wrong)


def test_a_link_to_a_file_of_the_project_shows_the_source_or_gives_a_copy(pages):
    links = pages["notebooks/02_label_perturbation.html"].links
    assert "../_modules/aslp_lib/aslp/perturbation.html" in links
    links = pages["README.html"].links
    assert {"docs/paper.html", "notebooks/00_start_here.html", "CONTRIBUTING.html"} <= links
    assert any(re.fullmatch(r"_downloads/\w+/LICENSE", link) for link in links)


def test_docstrings_are_shown_as_they_are_written(book):
    """What stands before a colon is no type, and a registry's value is not spelled out."""
    page = (book / "docs/api/aslp_lib.aslp.html").read_text(encoding="utf-8")
    said = " ".join(re.sub(r"<[^>]+>", "", page).split())
    assert "released code does at its default --beta 2.0: targets 2 and -1." in said
    page = (book / "docs/api/aslp_lib.metrics.html").read_text(encoding="utf-8")
    assert "Every score by its name" in page
    assert "function ece at 0x" not in page


def test_what_a_cell_prints_is_one_block(book):
    page = (book / "notebooks/03_sc_bce.html").read_text(encoding="utf-8")
    assert re.search(r"HI  expected [^<]*\nSI  expected [^<]*\nM   expected", page)


def test_nothing_is_loaded_from_elsewhere_and_every_picture_is_described(pages):
    for name, page in pages.items():
        assert not [url for url in page.loaded if urlparse(url).scheme not in ("", "data")], name
        assert page.undescribed == [], name


@pytest.fixture(scope="module")
def address(book):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(book))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Reader:
    """A page of the browser that asks nobody but the book, and keeps what goes wrong."""

    def __init__(self, browser, address: str, viewport: dict, colours: str = "light") -> None:
        self.page = browser.new_page(viewport=viewport, color_scheme=colours)
        self.wrong: list[str] = []
        self.address, self.here = address, ""
        self.page.route(lambda url: not url.startswith((address, "data:")), self._refuse)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.note(str(error)))
        self.page.on("response", lambda r: r.status >= 400 and self.note(f"{r.status} {r.url}"))

    def note(self, what: str) -> None:
        self.wrong.append(f"{self.here}: {what}")

    def _refuse(self, route) -> None:
        self.note(f"asks for {route.request.url}")
        route.abort()

    def _said(self, message) -> None:
        if message.type in ("error", "warning"):
            self.note(message.text)

    def open(self, name: str) -> None:
        self.here = name
        self.page.goto(self.address + name)
        self.page.evaluate("window.MathJax?.startup?.promise")  # all formulas are set
        # Colours fade from one theme to the other: what is read in between is neither's.
        self.page.wait_for_function(
            "document.getAnimations().every(each => each.playState !== 'running')"
        )


@pytest.fixture
def reader(browser, address):
    made = []

    def make(viewport: dict = DESK, colours: str = "light") -> Reader:
        made.append(Reader(browser, address, viewport, colours))
        return made[-1]

    yield make
    for each in made:
        each.page.close()


SEEN = """() => ({
  formulas: document.querySelectorAll(".math").length,
  typeset: document.querySelectorAll(".math > mjx-container").length,
  errors: document.querySelectorAll("mjx-merror, [data-mml-node=merror]").length,
  raw: [...document.querySelectorAll(".math")].filter(m => /\\\\[([]/.test(m.textContent)).length,
  wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""


def test_every_page_on_a_telephone(reader, pages):
    """No error, no page to scroll sideways, and formulas that are set; of pages of source, one."""
    telephone, formulas = reader(PHONE), 0
    for name in pages:
        if name.startswith("_modules/") and name not in KINDS:
            continue
        telephone.open(name)
        seen = telephone.page.evaluate(SEEN)
        formulas += seen["typeset"]
        if seen["typeset"] != seen["formulas"] or seen["errors"] or seen["raw"]:
            telephone.note(f"formulas: {seen}")
        if seen["wider"] > 0:
            telephone.note(f"is {seen['wider']} pixels wider than the screen")
    assert not telephone.wrong, "\n".join(telephone.wrong)
    assert formulas > 50


def test_long_names_in_a_table_push_no_column_off_a_desk(reader):
    read = reader()
    read.open("CLAIMS.html")
    tables = read.page.locator(".bd-article table")
    widths = tables.evaluate_all(
        "all => all.map(t => [t.scrollWidth, t.parentElement.clientWidth])"
    )
    assert len(widths) > 10 and all(table <= page for table, page in widths)
    name = read.page.get_by_text("aslp.perturbation.perturb", exact=True)
    assert name.count()  # it is said, and copied, without a break


def look(read: Reader, name: str, **options: object) -> None:
    """Note what axe finds on a page, of the two gravest kinds."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    read.open(name)
    # With `preload` it would load style sheets again, and their imports from where they are not.
    options |= {"resultTypes": ["violations"], "preload": False}
    for found in axe.run(read.page, options=options).response["violations"]:
        if found["impact"] in ("serious", "critical"):
            read.note(f"{found['id']}: {[n['html'][:200] for n in found['nodes'][:3]]}")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_no_colour_that_is_hard_to_read(reader, colours):
    """Which takes it most of its time, and is the style sheets': on a page of each kind."""
    read = reader(DESK, colours)
    for name in KINDS:
        look(read, name, runOnly=["color-contrast"])
        assert read.page.evaluate("document.documentElement.dataset.theme") == colours
    assert not read.wrong, "\n".join(read.wrong)


def test_axe_finds_nothing_else_that_is_grave(reader, pages):
    read = reader()
    for name in pages:
        if name in KINDS or not name.startswith(ALIKE):
            look(read, name, rules={"color-contrast": {"enabled": False}})
    assert not read.wrong, "\n".join(read.wrong)


def test_frames_are_stepped_by_keyboard(reader):
    read = reader()
    read.open("notebooks/10_level_lab.html")
    frames = read.page.locator(".frames")
    picture, slider = frames.locator("img"), frames.get_by_role("slider", name="level alpha*beta")

    def state() -> tuple:
        return (
            slider.get_attribute("aria-valuetext"),
            frames.locator(".value").inner_text(),
            frames.get_by_role("status").inner_text(),
            frames.locator(".numbers").inner_text(),
            picture.get_attribute("alt"),
            picture.get_attribute("src"),
        )

    slider.press("Home")
    states = [state()]
    for _ in range(int(slider.get_attribute("max"))):
        slider.press("ArrowRight")
        states.append(state())
    for part in zip(*states, strict=True):
        assert len(set(part)) == len(LEVELS)  # each press changes all of it
    for level, (spoken, shown, words, *_) in zip(LEVELS, states, strict=True):
        assert spoken == shown == f"{level:.2f}" and f"level {shown}, expected" in words
    assert not read.wrong, "\n".join(read.wrong)


def test_the_search_finds_a_term(reader):
    read = reader()
    read.open("README.html")
    read.page.keyboard.press("Control+k")
    read.page.keyboard.type("histogram")
    read.page.keyboard.press("Enter")
    found = read.page.locator("#search-results a[href*='docs/recalibration.html']")
    found.first.wait_for(timeout=20_000)
    assert not read.wrong, "\n".join(read.wrong)
