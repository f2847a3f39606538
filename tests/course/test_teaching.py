"""TEACHING.md: the numbers of answers that rest on records are those of the records."""

import re
from pathlib import Path

import pytest

from aslp_lib.course import recorded, trial
from aslp_lib.course.lessons import LESSONS
from aslp_lib.experiments.records import one_per_seed
from aslp_lib.experiments.seed_statistics import rank_correlation_with_posterior_error

PAGE = Path(__file__).parents[2] / "TEACHING.md"
ANSWER = re.compile(r"^(\d)\. (.+?)(?=^\d\. |\n\n)", re.M | re.S)


def percent(records, name, method, recalibration, score):
    """The mean over seeds of a score, in percent."""
    return 100 * one_per_seed(records, name, method, recalibration)[score].mean()


def answers():
    """(lesson, question) -> the bold numbers of its answer, in order."""
    embedded = recorded.read_results("comparison_shapes")
    confident = [
        percent(embedded, "test", method, "none", "accuracy")
        + gap * percent(embedded, "test", method, "none", "gap")
        for method in ("bce", "aslp_mc")
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
    return {
        ("bill", "2"): confident,
        ("bill", "3"): [
            percent(embedded, "test", "bce", method, "ece")
            for method in ("none", "temperature_scaling")
        ],
        ("evaluation", "4"): [ranks["nll"], ranks["ece"]],
        ("audit", "2"): [last["F"][0], last["C"][0]],
        ("audit", "1"): [
            sign * family[label].mean
            for sign, label in ((-1, "C - L"), (1, "M - B_ES"))
            for family in families
        ],
        ("distribution_shift", "2"): zoomed,
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
