"""Predictions in Chromium: their JavaScript against Python, and in JupyterLab with a kernel.

Skipped where there is no Chromium or no playwright. On pages: test_book_in_browser.py.
"""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
from nbformat.v4 import new_markdown_cell
from scipy.stats import binomtest
from sklearn.metrics import brier_score_loss

from aslp_lib.course.live import script
from aslp_lib.course.predictions import Choice, Number, diagram
from aslp_lib.course.predictions.widgets import NONE_YET

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lab")]  # one JupyterLab serves all


@pytest.fixture
def in_javascript(browser):
    """Function that calls a function of the widgets' script for each of several arguments."""
    text = script("aslp_lib.course.predictions.widgets").replace("export default { render };", "")
    page = browser.new_page()
    yield lambda name, values: page.evaluate(f"(v) => {{ {text}; return v.map({name}); }}", values)
    page.close()


def test_the_bins_are_those_of_numpy_and_scipy(in_javascript):
    """Sorted by confidence, then question; three bins that differ by at most one prediction."""
    rng, examples = random.Random(0), []
    for size in range(9, 70):
        confidences = rng.choices(range(0, 101, 5), k=size)
        rows = [[f"{n:02} é?", each, rng.random() < 0.6] for n, each in enumerate(confidences)]
        examples.append(rng.sample(rows, size))
    for rows, parts in zip(examples, in_javascript("bins", examples), strict=True):
        ordered = sorted(rows, key=lambda row: (row[1], row[0]))
        for rest, part in zip(np.array_split(np.arange(len(rows)), 3), parts, strict=True):
            confidence, right = np.transpose([ordered[n][1:] for n in rest])
            interval = binomtest(int(right.sum()), len(rest)).proportion_ci(method="wilson")
            expected = [len(rest), confidence.mean(), 100 * right.mean(), *100 * np.array(interval)]
            found = [part[name] for name in ("count", "confidence", "right", "low", "high")]
            assert found == pytest.approx(expected, abs=1e-9)


def test_a_diagram_by_hand(in_javascript):
    """Ten predictions: 30, 40, 50, 50 (one right), 60, 70, 80 (two), 90, 90, 100 (three right).

    At 13 of 26, Wilson's interval reaches 1.96 sqrt(1/4/26 + 3.84/4/26^2) / (1 + 3.84/26) = 0.179.
    """
    stated = [30, 40, 50, 50, 60, 70, 80, 90, 90, 100]
    rows = [[f"{n}?", stated[n], n in (1, 4, 5, 7, 8, 9)] for n in range(10)]
    brier = brier_score_loss([row[2] for row in rows], [row[1] / 100 for row in rows])
    many, over, under = (
        [[f"{n}", confidence, n < right] for n in range(26)]
        for confidence, right in ((70, 13), (90, 15), (51, 22))
    )
    words, few, none, many, over, under = in_javascript(
        "describe", [rows, rows[:8], [], many, over, under]
    )
    assert words[0].startswith("All (10): mean confidence 66 %, right 60 % (31 to 83 %).")
    assert f"Brier score {brier:.2f};" in words[0]
    assert "the difference may be chance" in words[1]
    assert words[2].startswith("Least confident (4): mean confidence 43 %, right 25 % (")
    assert words[3].startswith("In the middle (3): mean confidence 70 %, right 67 % (")
    assert words[4].startswith("Most confident (3): mean confidence 93 %, right 100 % (")
    assert none == [NONE_YET] and few[-1].startswith("From 9 predictions on")
    assert "With 8 predictions in a bin, the interval reaches about 28 points" in many[-1]
    assert "for all 26 together 18." in many[-1]
    assert over[1].endswith("overconfident.") and under[1].endswith("underconfident.")


def test_javascript_compares_predictions_as_python_does(in_javascript, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng, states, told = random.Random(0), [], []
    for n in range(400):
        if n % 4 == 0:
            guess, options = Choice(f"{n}?", "abc"), list("abc")
            said, answer = rng.choice(options), rng.choice(options)
        else:
            step = rng.choice([1, 5, 0.05, 0.25, 0.1, 0.001])
            guess = Number(f"{n}?", -20, 20, step, rng.choice(["", "%"]), within=2 * step)
            answer = step * rng.randint(-4, 4)
            said = round(answer + step * rng.randint(-3, 3), 4)
        guess.said = rng.choice([None, said, said])
        guess.confidence = rng.choice([None, 0, 50, 100])
        told.append(guess.against(answer))
        states.append(json.loads(json.dumps(guess.state)))
    assert in_javascript("outcome", states) == told
    assert len(set(told)) > 200


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_diagram_on_a_page_is_of_what_the_browser_keeps(watched, page_of, serious, colours):
    page = watched(viewport={"width": 390, "height": 844}, color_scheme=colours)
    page.goto(page_of(diagram()))
    place = page.locator(".live")
    sync_api.expect(place).to_contain_text("No predictions yet")
    items = {f"{n}?": {"said": 1, "confidence": 60 + n, "right": n % 3 == 0} for n in range(30)}
    page.evaluate(
        "all => Object.entries(all).forEach(([question, item]) =>"
        " localStorage.setItem(`aslp-prediction: ${question}`, JSON.stringify(item)))",
        items,
    )
    page.evaluate("document.dispatchEvent(new Event('aslp-prediction: '))")  # one was made here
    sync_api.expect(place).to_contain_text("you are overconfident")
    name = re.compile(r"reliability diagram\. Least confident \(10\): mean confidence 65 %")
    sync_api.expect(place.get_by_role("img")).to_have_attribute("aria-label", name)
    assert place.locator("circle.over").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.wrong + serious(page) == []


FOLDED = "<details>\n<summary>Explanation</summary>\n\n$1 + 1$, because.\n\n</details>"


def test_a_prediction_in_jupyterlab_by_keyboard(watched, run_in_lab, lab, serious):
    page, expect = watched(viewport={"width": 1280, "height": 1000}), sync_api.expect
    folder = lab[1]
    assert (folder / "notebooks/00_the_bill.ipynb").exists()  # a copy of the course
    notebook = run_in_lab(
        page,
        "from aslp_lib.course.predictions import Choice, Number, diagram\n"
        "first = Number('How many?', 0, 100, within=10)\nfirst",
        "if first.said is not None: print(first.against(44))",
        new_markdown_cell(FOLDED),
        "second = Choice('Which?', ('BCE', 'ASLP'))\nsecond",
        "if second.said is not None: print(second.against('ASLP'))",
        new_markdown_cell(FOLDED),
        "diagram()",
    )
    places, folds = notebook.locator(".prediction"), notebook.locator("details")
    expect(places).to_have_count(2, timeout=30_000)
    assert folds.evaluate_all("all => all.map(each => each.open)") == [False, False]

    def run(cell: int) -> None:
        # While the kernel answers one change, a widget keeps those after it back.
        page.wait_for_timeout(1000)
        notebook.locator(".jp-CodeCell").nth(cell).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")

    box = places.nth(0).get_by_label("Your number (0 to 100)")
    box.focus()
    page.keyboard.type("50")
    page.keyboard.press("ArrowUp")  # JupyterLab would move to another cell
    first, second = (places.nth(n).get_by_role("status") for n in range(2))
    expect(first).to_have_text("Add a confidence, and your prediction counts.")
    page.keyboard.press("Tab")
    page.keyboard.type("80")
    run(1)
    words = "Answer: 44. You said 51 and were 80 % confident of being within ±10: inside."
    expect(first).to_have_text(words, timeout=30_000)
    # The status changes before the prediction is recorded; the cell prints after it.
    printed = notebook.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
    expect(printed).to_have_text(words, timeout=30_000)
    expect(box).to_be_disabled()
    assert folds.evaluate_all("all => all.map(each => each.open)") == [True, False]
    recorded = json.loads((folder / "predictions.json").read_text(encoding="utf-8"))
    assert recorded == {"How many?": {"said": 51, "answer": 44, "confidence": 80, "right": True}}

    places.nth(1).get_by_label("BCE").focus()
    page.keyboard.press("ArrowRight")  # from the first option to the second
    expect(places.nth(1).get_by_label("ASLP")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("60")
    run(3)
    words = "Answer: ASLP. You said ASLP and were 60 % confident: right."
    expect(second).to_have_text(words, timeout=30_000)
    assert folds.evaluate_all("all => all.map(each => each.open)") == [True, True]
    run(4)
    expect(notebook.locator(".live").last).to_contain_text("All (2): mean confidence 70 %")
    assert serious(page, context=".prediction") == []
