"""Every score of a set is computed once a run, and whatever shows it shows that number."""

import csv
import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aslp_lib.config import PRESETS
from aslp_lib.evaluation.report import write_report
from aslp_lib.evaluation.scores import evaluate_run
from aslp_lib.evaluation.tables import as_table
from aslp_lib.files import write_csv
from aslp_lib.metrics import SCORES, calibration, saliency, smooth
from aslp_lib.metrics.score import ImageMean
from aslp_lib.runs import Run

IMAGES = 5
SETTINGS = replace(PRESETS["demo"], size=16, limit=IMAGES, device="cpu")
LOG = ("epoch", "confidence", "accuracy", "ece", "alpha_mean", "alpha_p10", "alpha_p90")


@pytest.fixture
def calls(monkeypatch):
    """How often each score was computed of a whole set: resamples are pooled to one image."""
    found = Counter()

    def counting(name, function):
        def counted(counts, *args, **options):
            found[name] += len(counts) == IMAGES
            return function(counts, *args, **options)

        return counted

    @dataclass(frozen=True)
    class CountingMean(ImageMean):
        name: str

        def __call__(self, counts):
            found[self.name] += len(counts) == IMAGES
            return super().__call__(counts)

    for name, score in SCORES.items():
        if isinstance(score.function, ImageMean):
            wrapped = CountingMean(*vars(score.function).values(), name=name)
        else:
            wrapped = counting(name, score.function)
        monkeypatch.setitem(SCORES, name, replace(score, function=wrapped))
        for module in (calibration, saliency, smooth):
            for attribute, value in list(vars(module).items()):
                if value is score.function:
                    monkeypatch.setattr(module, attribute, wrapped)
    return found


AGAIN = {"accuracy": 2, "confidence": 2, "ece_equal_mass": 2}
"""Three are also called by another: by the gap, and by the sweep of the bins."""


def write_maps(folder: Path, stems, seed: int, shape=(16, 16)) -> None:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for stem in stems:
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{stem}.png")


@pytest.mark.slow
def test_a_run_computes_every_score_once(tmp_path, calls):
    data = SETTINGS.load_data()
    data = replace(data, tests={"test": data.tests["test"]})
    run = Run.create(tmp_path / "run", SETTINGS)
    for seed, method in enumerate(SETTINGS.methods):
        write_maps(run.method(method).maps("test"), data.tests["test"].stems, seed)
        write_csv(run.method(method).log, LOG, [[1, *[0.5] * 6], [2, *[0.6] * 6]])
    evaluation = evaluate_run(run, data, progress=False)
    table = as_table(evaluation.scores)
    write_report(run, data, evaluation)
    assert calls == {name: 2 * AGAIN.get(name, 1) for name in SCORES}

    rows = json.loads(run.metrics.read_text())["test"]
    with run.metrics.with_suffix(".csv").open() as file:
        lines = list(csv.DictReader(file))
    page = re.sub("</?b>", "", run.report.read_text())
    for row, line, shown in zip(rows.values(), lines, table.splitlines()[1:], strict=True):
        for name in SCORES:
            if row[name] is not None:
                assert float(line[name]) == pytest.approx(row[name], rel=1e-5)
        for score in (SCORES["ece"], SCORES["gap"], SCORES["max_f"]):
            assert score.text(row[score.name]) in shown
            assert f"<td>{score.text(row[score.name])}</td>" in page
        assert f"ECE {100 * row['ece']:.1f} %, OE {100 * row['oe']:.1f} %" in page
