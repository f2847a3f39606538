"""One headless Chromium for the tests here, which are skipped where it or playwright is missing."""

import re
import shutil

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    # No other machine is found. Playwright's `route` refuses them, too, but turns the cache off.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
ELSEWHERE = re.compile(r"^(?!http://127\.0\.0\.1|file:|data:|blob:)")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def watched(browser):
    """Make a page that can ask this machine alone, and keeps in `wrong` what goes wrong."""
    made = []

    def make(**options):
        page = browser.new_page(**options)
        made.append(page)
        page.wrong = []

        def note(what: object) -> None:
            page.wrong.append(f"{page.url}: {what}")

        page.on("request", lambda r: note(f"asks for {r.url}") if ELSEWHERE.match(r.url) else None)
        page.on("console", lambda m: note(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", note)
        page.on("response", lambda r: note(f"{r.status} {r.url}") if r.status >= 400 else None)
        return page

    yield make
    for page in made:
        page.close()


@pytest.fixture(scope="module")
def serious():
    """What axe finds on a page, of the two gravest kinds."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def look(page, context=None, **options) -> list[str]:
        # With `preload` it would load style sheets again, their imports from where they are not.
        options |= {"resultTypes": ["violations"], "preload": False}
        found = axe.run(page, context=context, options=options).response["violations"]
        return [
            f"{page.url}: {each['id']}: {[node['html'][:200] for node in each['nodes'][:3]]}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]

    return look
