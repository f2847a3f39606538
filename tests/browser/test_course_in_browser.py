"""`aslp course` opens the copies in JupyterLab: a prediction is kept, and an explorer moves."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow
SERVER = {"allow_root": True, "open_browser": False, "ip": "127.0.0.1"}


@pytest.fixture
def course(tmp_path, settings_of_lab):
    """The folder of the copies, and the address of the JupyterLab that shows it."""
    config, folder = tmp_path / "config", tmp_path / "here"
    settings_of_lab(config)
    (config / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": SERVER}))
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = os.environ | dict.fromkeys(places, str(config))
    environment.pop("MPLBACKEND", None)
    command = [sys.executable, "-m", "aslp_lib", "course", folder]
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        while not (servers := [p for p in config.glob("jpserver-*.json") if p.stat().st_size]):
            assert process.poll() is None
            time.sleep(0.1)
        server = json.loads(servers[0].read_text())
        yield folder, f"{server['url']}lab/tree/notebooks/{{}}?token={server['token']}&reset"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(120)


def test_a_lesson_of_the_course(course, watched, run_all):
    folder, address = course
    page = watched(viewport={"width": 1280, "height": 1000})
    page.goto(address.format("04_sc_bce.ipynb"))
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
