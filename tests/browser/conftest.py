"""One headless Chromium for the tests here, which are skipped where it or playwright is missing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from nbformat import NotebookNode, write
from nbformat.v4 import new_code_cell, new_notebook

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    # No other machine is found. Playwright's `route` refuses them, too, but turns the cache off.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # all outputs are in the page
}
SERVER = {"allow_root": True, "open_browser": False, "ip": "127.0.0.1"}
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
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


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab as `aslp course` opens it, with settings of its own: (its address, its folder)."""
    own, folder = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("course")
    for name, settings in SETTINGS.items():
        path = own / "lab/user-settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(settings))
    (own / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": SERVER}))
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = os.environ | dict.fromkeys(places, str(own))
    environment.pop("MPLBACKEND", None)
    command = [sys.executable, "-m", "aslp_lib", "course", folder]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        # The file of the server is written once it listens.
        while not (servers := [p for p in own.glob("jpserver-*.json") if p.stat().st_size]):
            assert process.poll() is None
            time.sleep(0.1)
        started = json.loads(servers[0].read_text())
        yield f"{started['url']}lab/tree/{{}}?token={started['token']}&reset", folder
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(120)


@pytest.fixture
def run_all():
    """Function that runs all cells of the notebook that a page shows, once its kernel is there."""
    from playwright.sync_api import TimeoutError, expect

    def run(page):
        slow = {"timeout": 60_000}  # a kernel beside other work is slow, not broken
        expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible(**slow)
        # A notebook that has no kernel yet is called idle too: "Run All" would ask for one.
        toolbar = page.locator(".jp-NotebookPanel-toolbar").filter(has_text="Python 3 (ipykernel)")
        idle = toolbar.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")
        expect(idle).to_be_visible(**slow)
        waiting = page.locator(".jp-Notebook .jp-InputPrompt", has_text="*")
        for _ in range(3):  # "Run All" is dropped while the session is not ready: say it again
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            try:
                waiting.first.wait_for(timeout=10_000)
                break
            except TimeoutError:
                continue
        expect(waiting).to_have_count(0, **slow)
        return page.locator(".jp-Notebook")

    return run


@pytest.fixture
def run_in_lab(lab, run_all):
    """Function that runs cells in a notebook of JupyterLab, and returns the notebook's element."""
    address, folder = lab

    def run(page, *cells: str | NotebookNode, name: str = "notebook"):
        made = [new_code_cell(each) if isinstance(each, str) else each for each in cells]
        notebook = new_notebook(cells=made, metadata={"kernelspec": KERNEL})
        write(notebook, folder / f"{name}.ipynb")
        page.goto(address.format(f"{name}.ipynb"))
        return run_all(page)

    return run


@pytest.fixture
def page_of(tmp_path):
    """Function that writes a widget's output as the book does, and returns the file's address."""

    def write_page(widget) -> str:
        import static_notebooks

        data, metadata = widget._repr_mimebundle_()
        output = {"output_type": "execute_result", "data": data, "metadata": metadata}
        first = {"cell_type": "markdown", "source": "", "metadata": {}}
        cell = {"cell_type": "code", "source": "", "metadata": {}, "outputs": [output]}
        static_notebooks.static({"cells": [first, cell]})
        shown = [one["data"]["text/html"] for one in cell["outputs"]]
        head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>page</title>'
        file = tmp_path / "page.html"
        file.write_text(f"{head}<main><h1>page</h1>{''.join(shown)}</main>", encoding="utf-8")
        return file.as_uri()

    return write_page
