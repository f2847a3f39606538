"""TEACHING.md: answers that depend on networks, records or defaults have the current numbers.

The other answers are arithmetic that no change of the code makes wrong.
"""

import re
from pathlib import Path

import pytest
import torch

from aslp_lib.config import PRESETS
from aslp_lib.course import recorded, trial
from aslp_lib.course.lessons import LESSONS
from aslp_lib.experiments.records import one_per_seed
from aslp_lib.experiments.seed_statistics import difference, rank_correlation_with_posterior_error
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import per_image
from aslp_lib.prediction.predict import predicted_counts
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.training.optimization import schedule

PAGE = Path(__file__).parents[2] / "TEACHING.md"
ANSWER = re.compile(r"^(\d)\. (.+?)(?=^\d\. |\n\n)", re.M | re.S)
KEEPERS = "temperature_scaling", "class_wise_temperature", "logistic", "isotonic", "histogram"


def percent(records, name, method, recalibration, score):
    """The mean over seeds of a score, in percent."""
    return 100 * one_per_seed(records, name, method, recalibration)[score].mean()


def textures_between_two_networks_and_over_seeds():
    """ASLP (MC) minus BCE, in points of ECE."""
    textures = recorded.SETTINGS.load_data().tests["textures"]
    bce, mc = (
        calibration.ece(predicted_counts(recorded.load(method), textures))
        for method in ("bce", "calibration")
    )
    records = recorded.read_results("techniques_shapes")
    runs = one_per_seed(records, "textures", "calibration", technique="HI")
    over_seeds = difference(runs, one_per_seed(records, "textures", "bce"), "ece")
    assert not over_seeds.excludes_zero
    return [100 * (mc - bce), 100 * over_seeds.value]


def answers():
    """(lesson, question) -> the bold numbers of its answer, in order."""
    embedded = recorded.read_results("comparison_shapes")
    confident = [
        percent(embedded, "test", method, "none", "accuracy")
        + gap * percent(embedded, "test", method, "none", "gap")
        for method in ("bce", "calibration")
        for gap in (1, 0)
    ]
    zoomed = [
        one_per_seed(embedded, "test, zoom2", "bce", kind)["nll"].mean()
        for kind in ("none", "temperature_scaling")
    ]
    families = [trial.effects(trial.read(name)) for name in ("shapes", "nuclei")]
    mechanism = trial.read("mechanism")
    last = trial.excess(mechanism, mechanism.epoch.max())
    ranks = rank_correlation_with_posterior_error(
        recorded.read_results("techniques_shapes"), "test"
    )
    test = recorded.SETTINGS.load_data().tests["test"]
    truth = Counts.from_probabilities(torch.from_numpy(test.posterior), test.masks[:, 0])
    return {
        ("bill", "2"): confident,
        ("bill", "3"): [
            percent(embedded, "test", "bce", method, "ece")
            for method in ("none", "temperature_scaling")
        ],
        ("confidence", "4"): [
            100 * per_image(truth, calibration.ece).mean(),
            100 * calibration.ece(truth),
        ],
        ("training", "3"): [PRESETS["demo"].hyperparameters.aslp.alpha_warm_up + 1, 1 - 0.84],
        ("evaluation", "3"): textures_between_two_networks_and_over_seeds(),
        ("remedies", "2"): [sum(RECALIBRATIONS[name]().preserves_decisions for name in KEEPERS)],
        ("evaluation", "4"): [ranks["nll"], ranks["ece"]],
        ("audit", "2"): [last["F"][0], last["C"][0]],
        ("audit", "1"): [
            sign * family[label].mean
            for sign, label in ((-1, "C - L"), (1, "M - B_ES"))
            for family in families
        ],
        ("distribution_shift", "2"): zoomed,
        ("release", "2"): [schedule("release", 14, 30)],
    }


@pytest.mark.slow
def test_the_numbers_of_the_quizzes_are_current():
    quizzes = PAGE.read_text(encoding="utf-8").split("\n### ")
    solutions = {quiz.partition("\n")[0]: quiz.split("Answers</summary>")[-1] for quiz in quizzes}
    for (lesson, number), values in answers().items():
        answer = dict(ANSWER.findall(solutions[LESSONS[lesson].title]))[number]
        texts = re.findall(r"\*\*(-?\d[\d.]*)\*\*", answer)
        for text, value in zip(texts, values, strict=True):
            digits = len(text.partition(".")[2])
            assert abs(float(text) - float(value)) <= 0.5 * 10**-digits + 1e-6, (answer, value)
