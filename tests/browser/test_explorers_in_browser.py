"""The explorers in a real browser: JupyterLab, run all, every control moved by keyboard; and what
axe finds in them. (The text around them is in the book.)

Skipped where there is no Chromium or no playwright.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook

from aslp_lib.course.explorers import EXPLORERS

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lab")]  # one JupyterLab serves all

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # all outputs are in the page
}
sync_api.expect.set_options(timeout=60_000)  # a kernel beside other work is slow, not broken
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab with settings of its own, over an empty folder: (its address, the folder)."""
    own, root = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("root")
    for name, settings in SETTINGS.items():
        path = own / "lab/user-settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(settings))
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = os.environ | dict.fromkeys(places, str(own))
    environment.pop("MPLBACKEND", None)
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--ServerApp.root_dir={root}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options], env=environment, start_new_session=True
    )
    try:
        server = own / f"jpserver-{process.pid}.json"  # written once it listens
        while not (server.exists() and server.stat().st_size):
            assert process.poll() is None
            time.sleep(0.1)
        started = json.loads(server.read_text())
        yield f"{started['url']}lab/tree/{{}}?token={started['token']}&reset", root
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(120)


@pytest.fixture(scope="module")
def page(browser):
    return browser.new_page(viewport={"width": 1280, "height": 1000})


def run_all(page, lab, name: str):
    """Open a notebook of the lab's folder, run it, and return its explorer."""
    page.goto(lab[0].format(name))
    expect = sync_api.expect
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible()
    # A notebook that has no kernel yet is called idle too: "Run All" would ask for one.
    toolbar = page.locator(".jp-NotebookPanel-toolbar").filter(has_text="Python 3 (ipykernel)")
    idle = toolbar.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")
    expect(idle).to_be_visible()
    waiting = page.locator(".jp-Notebook .jp-InputPrompt", has_text="*")
    for _ in range(3):  # "Run All" is dropped while the session is not ready: say it again
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            waiting.first.wait_for(timeout=10_000)
            break
        except sync_api.TimeoutError:
            continue
    expect(waiting).to_have_count(0)
    return page.locator(".jp-Notebook .explorer")


CONTROLS = ".widget-slider, .widget-toggle-buttons, .widget-text"
IS_AT = """(slider, key) => Number(slider.ariaValueNow)
    === Number(key === "Home" ? slider.ariaValueMin : slider.ariaValueMax)"""
"""Whether a slider is where the key Home or End takes it: pressed there, nothing moves."""


def presses(page, control):
    """What moves a control by keyboard: one function a press, each of which changes its value.

    Buttons end on the one that was pressed first, sliders near their largest value: no control is
    without effect at those of the others.
    """
    press, slider = page.keyboard.press, control.locator("[role=slider]")
    if slider.count():
        slider.focus()
        here, there = "End", "Home"
        keys = [there, here] if slider.evaluate(IS_AT, here) else [here, there, here]
        return [lambda key=key: press(key) for key in [*keys, "ArrowLeft", "ArrowRight"]]
    if control.locator("button").count():
        buttons = control.locator("button").all()
        down = [i for i, b in enumerate(buttons) if "mod-active" in b.get_attribute("class")]
        order = [i for i in range(len(buttons)) if i not in down] + down

        def choose(button):
            button.focus()
            press("Enter")

        return [lambda i=i: choose(buttons[i]) for i in order]
    control.locator("input").focus()
    return [lambda key=key: press(key) for key in ("ArrowUp", "ArrowDown")]


def drive(page, explorer) -> list[str]:
    """Move every control by keyboard; the labels of the controls."""
    explorer.scroll_into_view_if_needed()
    picture, words = explorer.locator("img"), explorer.get_by_role("status")

    def place() -> float:
        return picture.bounding_box()["y"] - explorer.bounding_box()["y"]

    start, labels = place(), []
    for control in explorer.locator(CONTROLS).all():
        label = control.locator("label").first
        sync_api.expect(label).not_to_have_text("")
        labels.append(label.inner_text())
        for press in presses(page, control):
            before = words.inner_text(), picture.get_attribute("src")
            press()
            sync_api.expect(words).not_to_have_text(before[0])
            sync_api.expect(picture).not_to_have_attribute("src", before[1])
            assert picture.get_attribute("alt")
            assert place() == start  # the page does not jump
    return labels


def start_and_stop(page, explorer) -> None:
    """Let a slider run by keyboard: unspoken, until it is stopped, and from the start again.

    Its run ends by itself, after some seconds: one picture of it is waited for.
    """
    expect, slider = sync_api.expect, explorer.locator("[role=slider]")
    words, picture = explorer.get_by_role("status"), explorer.locator("img")

    def push(name: str) -> None:
        explorer.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")

    def shown() -> int:
        """The slider's epoch, once the kernel has caught up: words, picture and label are its."""
        epoch = int(float(slider.get_attribute("aria-valuenow")))
        expect(words).to_contain_text(f"epoch {epoch}:")
        expect(picture).to_have_attribute("alt", re.compile(rf"\bepoch {epoch}:"))
        label = explorer.locator(".widget-label").get_by_text(str(epoch), exact=True)
        expect(label).to_be_visible()
        return epoch

    slider.focus()
    page.keyboard.press("Home")
    first, before = shown(), picture.get_attribute("src")
    push("play or pause")
    expect(picture).not_to_have_attribute("src", before)
    expect(words).to_have_attribute("aria-live", "off")
    push("play or pause")
    expect(words).to_have_attribute("aria-live", "polite")
    stopped = shown()
    assert stopped > first
    page.wait_for_timeout(1000)
    assert shown() == stopped
    push("back to the start")
    expect(words).to_contain_text(f"epoch {first}:")
    assert shown() == first


OURS = {"include": [[".explorer"]]}
"""The rest is JupyterLab's: pictures too, whose alt text it leaves out."""


def errors(page) -> list[str]:
    outputs = page.locator(
        ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error'], "
        ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"
    )
    return outputs.all_inner_texts()


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_control_of_the_explorer_moves_by_keyboard(page, lab, serious, name):
    code = f"from aslp_lib.course.explorers import EXPLORERS\nEXPLORERS[{name!r}]()"
    notebook = new_notebook(cells=[new_code_cell(code)], metadata={"kernelspec": KERNEL})
    write(notebook, lab[1] / f"{name}.ipynb")
    explorer = run_all(page, lab, f"{name}.ipynb")
    sync_api.expect(explorer).to_have_count(1)
    labels = [control.description for control in EXPLORERS[name]().controls.values()]
    assert drive(page, explorer) == labels
    if explorer.locator(".widget-play").count():
        start_and_stop(page, explorer)
    assert errors(page) == []
    assert serious(page, OURS) == []
