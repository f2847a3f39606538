"""Reports in a real browser: at two widths, light and dark, and by keyboard."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aslp_lib.config import PRESETS
from aslp_lib.evaluation.pages import write_page
from aslp_lib.evaluation.report import comparison_page, folders_table, next_steps
from aslp_lib.evaluation.scores import Evaluation
from aslp_lib.experiments.report import experiment_page
from aslp_lib.metrics import SCORES
from aslp_lib.metrics.counts import Counts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report on maps of three methods on three sets, and one on seeds."""
    folder = tmp_path_factory.mktemp("reports")
    rng = np.random.default_rng(0)

    def counts(strength):
        p = rng.random((20, 30, 30))
        labels = (rng.random(p.shape) < p).astype(np.uint8)
        logits = strength * np.log(p / (1 - p))
        return Counts.from_maps(np.uint8(255 / (1 + np.exp(-logits))), labels)

    methods = {"BCE": 3, "a method with a name that is rather long": 0.5, "ASLP": 1}
    sets = {name: {k: counts(s) for k, s in methods.items()} for name in ("SOD", "ECSSD", "DTD")}
    evaluation = Evaluation(sets)
    folders = folders_table({k: [folder] for k in methods}, dict.fromkeys(sets, folder))
    command = f"main_ASLP.py recalibrate --maps {'a-long-name-of-a-folder/' * 6}".format
    page = comparison_page(evaluation)._replace(
        notes=evaluation.notes, appendix=[folders], next=next_steps(evaluation, command)
    )
    write_page(folder / "score.html", page)
    rows = [
        {"method": method, "options": {}, "recalibration": "none", "seed": seed, "set": name}
        | {"images": 9, **{key: rng.random() for key in SCORES}}
        for method in ("bce", "aslp_mc", "focal")
        for seed in range(3)
        for name in ("validation", "test", "shifted")
    ]
    write_page(folder / "compare.html", experiment_page(pd.DataFrame(rows), PRESETS["demo"]))
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1600])
@pytest.mark.parametrize("name", ["score", "compare"])
def test_a_report_is_accessible_at_any_width(watched, serious, pages, name, width, scheme):
    page = watched(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto((pages / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert not page.evaluate("[...document.images].filter(i => !i.naturalWidth || !i.alt).length")
    summaries = page.locator("summary")
    for i in range(summaries.count()):
        summaries.nth(i).press("Enter")
    assert page.locator("details[open]").count() == summaries.count() > 0
    assert page.wrong + serious(page) == []


def test_a_report_on_three_sets_and_methods_is_smaller_than_2_megabytes(pages):
    assert (pages / "score.html").stat().st_size < 2e6
