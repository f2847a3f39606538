"""Whatever shows a score of a run shows the same number."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aslp_lib.config import PRESETS
from aslp_lib.evaluation.report import write_report
from aslp_lib.evaluation.scores import evaluate_run
from aslp_lib.evaluation.tables import as_table
from aslp_lib.files import write_csv
from aslp_lib.metrics import SCORES
from aslp_lib.runs import Run

IMAGES = 5
SETTINGS = replace(PRESETS["demo"], size=16, limit=IMAGES, device="cpu")
LOG = ("epoch", "confidence", "accuracy", "ece", "alpha_mean", "alpha_p10", "alpha_p90")


def write_maps(folder: Path, stems, seed: int, shape=(16, 16)) -> None:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for stem in stems:
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{stem}.png")


@pytest.mark.slow
def test_files_and_pages_show_the_same_scores(tmp_path, quick_reports):
    data = SETTINGS.load_data()
    data = replace(data, tests={"test": data.tests["test"]})
    run = Run.create(tmp_path / "run", SETTINGS)
    for seed, method in enumerate(SETTINGS.methods):
        write_maps(run.method(method).maps("test"), data.tests["test"].stems, seed)
        write_csv(run.method(method).log, LOG, [[1, *[0.5] * 6], [2, *[0.6] * 6]])
    evaluation = evaluate_run(run, data, progress=False)
    table = as_table(evaluation.scores)
    write_report(run, data, evaluation)

    rows = json.loads(run.metrics.read_text())["test"]
    with run.metrics.with_suffix(".csv").open() as file:
        lines = list(csv.DictReader(file))
    page = re.sub("</?b>", "", run.report.read_text())
    for row, line, shown in zip(rows.values(), lines, table.splitlines()[1:], strict=True):
        for name in SCORES:
            if row[name] is not None:
                assert float(line[name]) == pytest.approx(row[name], rel=1e-5)
        for score in (SCORES["ece"], SCORES["gap"], SCORES["nll"], SCORES["accuracy"]):
            assert score.text(row[score.name]) in shown
        for score in (SCORES["ece"], SCORES["gap"], SCORES["max_f"]):
            assert f"<td>{score.text(row[score.name])}</td>" in page
        assert f"ECE {100 * row['ece']:.1f} % = " in page
