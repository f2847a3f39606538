"""The explorers in a real browser: JupyterLab, run all, every control moved by keyboard.

Skipped where there is no Chromium or no playwright.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest

sync_api = pytest.importorskip("playwright.sync_api")
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

FLAGS = [
    f"--{flag}"
    for flag in (
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "disable-dev-shm-usage",
    )
]
TOKEN = "explorers"
CELLS = {
    "estimators": """
import numpy as np
from aslp_lib.metrics.counts import Counts
from aslp_lib.teaching import explorers

rng = np.random.default_rng(0)
levels = rng.integers(0, 256, (2, 30, 30)).astype(np.uint8)
masks = (rng.random(levels.shape) < levels / 300).astype(np.uint8)
explorers.estimators({n: Counts.from_map(p, m) for n, p, m in zip("AB", levels, masks)})
""",
    "perturbation": "explorers.perturbation(masks[0])",
    "loss": "explorers.loss()",
    "feedback": "explorers.feedback()",
}
CONTROLS = {
    "estimators": ["predictions", "estimator", "bins"],
    "perturbation": ["technique", "level alpha", "strength beta"],
    "loss": ["level alpha", "strength beta", "true posterior pi"],
    "feedback": ["rule", "dynamics", "step eta", "weight lambda", "strength beta"],
}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab with settings of its own, over an empty folder: (its address, the folder)."""
    tmp = tmp_path_factory.mktemp("lab")
    root, log, port = tmp / "root", tmp / "lab.log", free_port()
    quiet = tmp / "set/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    root.mkdir()
    quiet.parent.mkdir(parents=True)
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    places = {
        "JUPYTER_CONFIG_DIR": "cfg",
        "JUPYTER_RUNTIME_DIR": "run",
        "JUPYTERLAB_WORKSPACES_DIR": "ws",
        "JUPYTERLAB_SETTINGS_DIR": "set",
        "IPYTHONDIR": "ipy",
    }
    environment = os.environ | {name: str(tmp / folder) for name, folder in places.items()}
    environment.pop("MPLBACKEND", None)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}",
    ]  # fmt: skip
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            assert process.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=2)
                break
            except OSError:
                time.sleep(0.5)
        else:
            raise TimeoutError("JupyterLab did not start: " + log.read_text())
        yield address, root
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="module")
def page():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(viewport={"width": 1280, "height": 1000})
        browser.close()


def run_all(page, lab, name: str, explorers: int, seconds: float) -> list:
    """Open a notebook of the lab's folder, run it, and return its explorers."""
    page.goto(f"{lab[0]}/lab/tree/{name}?token={TOKEN}&reset")
    expect = sync_api.expect
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible(timeout=60_000)
    idle = page.get_by_role("button", name="Python 3 (ipykernel) | Idle")
    expect(idle).to_be_visible(timeout=60_000)
    found = page.locator(".jp-Notebook .explorer")
    for _ in range(3):  # "Run All" is dropped while the session is not ready: say it again
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            found.nth(explorers - 1).wait_for(state="attached", timeout=1000 * seconds)
            break
        except sync_api.TimeoutError:
            continue
    expect(found).to_have_count(explorers)
    expect(idle).to_be_visible(timeout=1000 * seconds)
    return found.all()


def drive(page, explorer) -> list[str]:
    """Move every control to both its ends by keyboard; the labels of the controls."""
    explorer.scroll_into_view_if_needed()
    picture, words = explorer.locator("img"), explorer.get_by_role("status")
    labels = []
    for control in explorer.locator(".widget-dropdown, .widget-slider").all():
        labels.append(control.locator("label").inner_text())
        handle = control.locator("select, [role=slider]")
        # Lists end on their first entry, sliders on their largest value: no control is without
        # effect at those of the others.
        ends = ["Home", "End"] if control.locator("select").count() else ["End", "Home"]
        handle.focus()
        page.keyboard.press(ends[0])
        page.wait_for_timeout(500)  # it may have been there already
        for key in (ends[1], ends[0]):
            before = words.inner_text(), picture.get_attribute("src")
            page.keyboard.press(key)
            sync_api.expect(words).not_to_have_text(before[0], timeout=10_000)
            sync_api.expect(picture).not_to_have_attribute("src", before[1], timeout=10_000)
            assert picture.get_attribute("alt")
    return labels


def errors(page) -> list[str]:
    outputs = page.locator(
        ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error'], "
        ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"
    )
    return outputs.all_inner_texts()


def test_every_control_of_every_explorer_moves_by_keyboard(page, lab):
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS.values()]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, lab[1] / "all.ipynb")
    found = run_all(page, lab, "all.ipynb", len(CELLS), 30)
    for explorer, expected in zip(found, CONTROLS.values(), strict=True):
        assert drive(page, explorer) == expected
    assert errors(page) == []
