"""TEACHING.md: answers that depend on weights, records or defaults have the current numbers.

The other answers are arithmetic that no change of the code makes wrong.
"""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from aslp_lib.config import PRESETS
from aslp_lib.course import recorded
from aslp_lib.experiments import records
from aslp_lib.experiments.seed_statistics import rank_correlation_with_posterior_error
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import per_image
from aslp_lib.prediction.predict import grey_level_maps
from aslp_lib.recalibration import RECALIBRATIONS, Temperature
from aslp_lib.training.optimization import schedule
from aslp_lib.training.validation import validate

ROOT = Path(__file__).parents[2]
ANSWER = re.compile(r"^(\d)\. .+?<summary>Answer</summary>(.+?)</details>", re.M | re.S)


@cache
def answers():
    """(notebook, question) -> the bold numbers of its answer, in order."""
    settings, p = recorded.SETTINGS, calibration
    data = settings.load_data()
    test = data.tests["test"]
    bce, mc, textures, validation = (
        validate(recorded.load(method), dataset, settings)
        for method, dataset in (
            ("bce", test),
            ("calibration", test),
            ("bce", data.tests["textures"]),
            ("bce", data.validation),
        )
    )
    temperature = Temperature().fit(validation)
    maps = np.stack(grey_level_maps(recorded.load("calibration"), test, range(len(test)))) / 255
    shape, toss_up = test.posterior > 0, np.abs(test.posterior - 0.5) < 0.25
    less_confident = roc_auc_score(toss_up[shape], -np.maximum(maps, 1 - maps)[shape])
    truth = Counts.from_probabilities(torch.from_numpy(test.posterior), test.masks[:, 0])
    five = "temperature_scaling", "class_wise_temperature", "logistic", "isotonic", "histogram"
    letters = records.read(ROOT / "benchmarks/results/letters_embedded.json")
    ranks = rank_correlation_with_posterior_error(letters, "test")
    return {
        ("00", "2"): [100 * f(c) for c in (bce, mc) for f in (p.confidence, p.accuracy)],
        ("00", "3"): [100 * p.ece(bce), 100 * p.ece(temperature.apply_counts(bce))],
        ("00", "4"): [100 * less_confident],
        ("01", "5"): [100 * per_image(truth, p.ece).mean(), 100 * p.ece(truth)],
        ("05", "3"): [PRESETS["demo"].hyperparameters.aslp.alpha_warm_up + 1, 2 * (1 - 0.84)],
        ("07", "2"): [sum(RECALIBRATIONS[name]().preserves_decisions for name in five)],
        ("07", "4"): [100 * p.ece(textures), 100 * p.ece(temperature.apply_counts(textures))],
        ("07", "5"): [ranks["nll"], ranks["ece"]],
        ("09", "2"): [schedule("release", 14, 30)],
    }


@pytest.mark.slow
def test_the_numbers_of_the_quizzes_are_current():
    page = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
    quizzes = {part[:2]: part for part in re.split(r"\n### (?=\d\d )", page)[1:]}
    for (notebook, which), values in answers().items():
        answer = dict(ANSWER.findall(quizzes[notebook]))[which]
        texts = re.findall(r"\*\*(-?\d[\d.]*)\*\*", answer)
        for text, value in zip(texts, values, strict=True):
            digits = len(text.partition(".")[2])
            assert abs(float(text) - float(value)) <= 0.5 * 10**-digits + 1e-6, (answer, value)
