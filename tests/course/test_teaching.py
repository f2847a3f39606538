"""TEACHING.md: what it names is there, its quizzes' numbers are computed.

Readers of the page have no other source, so each bold number of an answer is worked out here by the
library, or read from what was recorded.
"""

from __future__ import annotations

import importlib.util
import json
import re
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from scipy.special import expit, logit
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from aslp_lib import (
    HARD_INVERSION,
    MODERATION,
    RELEASE,
    SOFT_INVERSION,
    AdaptiveAlpha,
    alpha_gradient,
    expected_targets,
)
from aslp_lib.aslp.perturbation import Technique, label_smoothing, perturb
from aslp_lib.aslp.theory import (
    expected_confidence,
    loss_floor,
    minimiser,
    target_variance,
)
from aslp_lib.config import PRESETS
from aslp_lib.course import recorded
from aslp_lib.course.models.classes import class_targets
from aslp_lib.course.models.decision import bill
from aslp_lib.course.teaching import lessons as reading
from aslp_lib.experiments import records
from aslp_lib.experiments.seed_statistics import rank_correlation_with_posterior_error
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts, min_max
from aslp_lib.metrics.score import per_image
from aslp_lib.prediction.predict import grey_level_maps
from aslp_lib.recalibration import RECALIBRATIONS, PerImageLevel, Temperature
from aslp_lib.training.optimization import schedule
from aslp_lib.training.validation import validate

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
LESSONS = reading.lessons(ROOT / "notebooks")
QUESTION = re.compile(
    r"^(\d)\. (.+?)<details><summary>Answer</summary>(.+?)</details>", re.M | re.S
)


def flat(text: str) -> str:
    return " ".join(text.split())


def under(heading: str) -> str:
    """What stands under a heading, up to the next of its level or above."""
    level = heading.split()[0]
    body = PAGE.split(f"\n{heading}\n")[1]
    return re.split(rf"\n#{{1,{len(level)}}} ", body)[0]


def rows(table: str) -> list[list[str]]:
    """Cells of a Markdown table's rows, its head left out."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quiz(number: str) -> dict[str, str]:
    """Answers of a notebook's quiz, by the question's number."""
    found = QUESTION.findall(under(f"### {LESSONS[number].title}"))
    return {which: flat(answer) for which, _, answer in found}


class TestPage:
    @pytest.mark.parametrize("number", LESSONS)
    def test_each_notebook_s_table_names_sections_in_their_order(self, number):
        named = [heading for heading, *_ in rows(under(f"### {LESSONS[number].title}"))]
        assert named == [heading for heading in LESSONS[number].sections if heading in named]

    def test_each_belief_names_a_section_that_is_there(self):
        believed = rows(under("## What is often believed"))
        assert {number for *_, number, _ in believed} == LESSONS.keys()
        for *_, number, heading in believed:
            LESSONS[number].section(heading)

    @pytest.mark.parametrize("number", LESSONS)
    def test_each_notebook_has_a_quiz_whose_answers_name_sections(self, number):
        answers = quiz(number)
        assert list(answers) == [str(n) for n in range(1, len(answers) + 1)]
        assert 3 <= len(answers) <= 5
        for answer in answers.values():
            (named,) = re.findall(r"\((\*[^()]+\*)\)\.?$", answer)
            for heading in re.findall(r"\*([^*]+)\*", named):
                LESSONS[number].section(heading)

    def test_links_lead_to_files(self):
        for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
            assert (ROOT / link).exists(), link

    def test_sections_that_the_text_quotes_are_there(self):
        every = {heading for lesson in LESSONS.values() for heading in lesson.sections}
        quoted = re.findall(r'"([A-Z][^"]+)"', flat(under("## One class of 90 minutes")))
        assert len(quoted) == 3 and set(quoted) <= every

    def test_no_gpu_run_is_recorded_as_it_says(self):
        recorded = json.loads((ROOT / "benchmarks/results/training.json").read_text())
        assert ("nothing is recorded yet" in flat(PAGE)) is not any(
            run["device"].startswith("NVIDIA") for run in recorded
        )

    def test_what_a_class_costs_is_what_was_recorded(self, monkeypatch):
        folder = ROOT / "benchmarks"
        monkeypatch.syspath_prepend(folder)  # scripts there import each other
        spec = importlib.util.spec_from_file_location("kernels", folder / "kernels.py")
        spec.loader.exec_module(kernels := importlib.util.module_from_spec(spec))
        record = json.loads(kernels.RESULTS.read_text())
        assert kernels.table(record) in PAGE
        training = record["kernels"]["05_training_aslp"]
        text = flat(under("## Thirty students on one machine"))
        said = re.search(r"hold (\d+) GB, and (\d+) GB .* takes 16 cores (\d+) seconds", text)
        held, at_peak, seconds = map(int, said.groups())
        assert held == round(30 * training["own"] / 1000)
        assert at_peak == round(30 * training["peak"] / 1000)
        assert seconds == round(30 * training["processor_seconds"] / 16)


# The numbers of the answers.


@cache
def data():
    return recorded.SETTINGS.load_data()


@cache
def counted(method: str, part: str) -> Counts:
    of = data().validation if part == "validation" else data().tests[part]
    return validate(recorded.load(method), of, recorded.SETTINGS)


def percent(share: float) -> float:
    return 100 * float(share)


def cooled(part: str) -> Counts:
    return Temperature().fit(counted("bce", "validation")).apply_counts(counted("bce", part))


def of(*groups: tuple[int, float, int]) -> Counts:
    """Counts of groups of pixels, each (how many, their P(y=1), how many are foreground)."""
    said = torch.tensor([p for pixels, p, _ in groups for _ in range(pixels)], dtype=torch.double)
    is_so = torch.tensor([i < positive for pixels, _, positive in groups for i in range(pixels)])
    return Counts.from_probabilities(said[None], is_so[None])


FIVE = "temperature", "two_temperatures", "logistic", "isotonic", "histogram"
TWO_BINS = (400, 0.6, 280), (600, 0.9, 480)


def first_look() -> float:
    """The least grey level of 1,000 that is looked at where a miss costs 4."""
    for p in np.linspace(0.001, 0.999, 999):
        if bill(of((10, p, 5)), miss=4).checked:
            return p
    raise AssertionError


def less_sure_of_the_toss_up() -> float:
    """Of a pixel of a toss-up and one of a clear shape, by scikit-learn."""
    test = data().tests["test"]
    p = np.stack(grey_level_maps(recorded.load("calibration"), test, range(len(test)))) / 255
    shape = test.posterior > 0
    toss_up = np.abs(test.posterior - 0.5) < 0.25
    return roc_auc_score(toss_up[shape], -np.maximum(p, 1 - p)[shape])


def truth() -> Counts:
    test = data().tests["test"]
    return Counts.from_probabilities(torch.from_numpy(test.posterior), test.masks[:, 0])


def bound(accuracy: float, technique: Technique) -> float:
    """Where the target's expected confidence is the accuracy, by bisection."""
    low, high = 0.0, technique.alpha_limit
    for _ in range(60):
        middle = (low + high) / 2
        if expected_confidence(middle, technique) > accuracy:
            low = middle
        else:
            high = middle
    return low


def gradient(technique: Technique, margin: float) -> float:
    return alpha_gradient(torch.tensor([[margin]]), torch.ones(1, 1), technique).item()


def first_step() -> float:
    alphas = AdaptiveAlpha(1, MODERATION, alpha_step_size=0.002, warm_up=0)
    alphas.observe(accuracy=0.5)
    alphas.update(torch.tensor([0]), torch.full((1, 1), 4.0), torch.ones(1, 1))
    return alphas.alpha.item()


def rest_beyond_the_bound() -> float:
    """Of the stable step at hard inversion, lambda 300, gradient 3, accuracy 0.8."""
    alphas = AdaptiveAlpha(1, HARD_INVERSION, constraint_weight=300.0, warm_up=0)
    alphas.observe(accuracy=0.8)
    for _ in range(3000):
        alphas.update(torch.tensor([0]), torch.full((1, 1), 3.0), torch.ones(1, 1))
    return alphas.alpha.item() - bound(0.8, HARD_INVERSION)


def gain(eta: float, weight: float, technique: Technique) -> float:
    """How much of an excess over the bound one explicit step takes away, without a gradient."""
    accuracy, excess = 0.9, 1e-3
    alphas = AdaptiveAlpha(
        1, technique, alpha_step_size=eta, constraint_weight=weight, warm_up=0, dynamics="release"
    )
    alphas.alpha.fill_(start := bound(accuracy, technique) + excess)
    alphas.observe(accuracy)
    alphas.update(torch.tensor([0]), torch.zeros(1, 1), torch.ones(1, 1))
    return (start - alphas.alpha.item()) / excess


def first_epoch_that_moves() -> int:
    warm_up = PRESETS["demo"].hyperparameters.aslp.alpha_warm_up
    alphas = AdaptiveAlpha(1, MODERATION, warm_up=warm_up)
    for epoch in range(1, 20):
        alphas.update(torch.tensor([0]), torch.full((1, 1), 4.0), torch.ones(1, 1))
        if alphas.alpha.item() > 0:
            return epoch
        alphas.observe(accuracy=0.5)
    raise AssertionError


def mean_ece(pixels: int, p: float = 0.7) -> float:
    """Of samples of a predictor that says p of each pixel and is right with probability p."""
    right = np.arange(pixels + 1)
    return float(binom.pmf(right, pixels, p) @ np.abs(right / pixels - p))


def image_s_share(foreground: float) -> float:
    """Variance of the mean gradient over a map, of one switch, by a pixel's (no pixel's model)."""
    labels = (torch.arange(100) < 100 * foreground).float()
    on, off = perturb(labels, HARD_INVERSION), labels
    thrown = (on - off).mean() / (on - off)[0]
    return float(thrown**2)


def level_of(s: float, p: float) -> float:
    """What a level of s makes of p."""
    u, z = (torch.logit(torch.tensor(value, dtype=torch.double)) for value in (s, p))
    return PerImageLevel().changed(z, u).sigmoid().item()


@cache
def ranks() -> dict[str, float]:
    found = records.read(ROOT / "benchmarks/results/letters_embedded.json")
    return rank_correlation_with_posterior_error(found, "test")


def told_the_rule() -> float:
    p, y = torch.tensor([[0.9, 0.6, 0.2, 0.8]]), torch.tensor([[1, 0, 0, 255]])
    return calibration.gap(Counts.from_probabilities(p.double(), y, ignore_index=255))


def epoch_s_rate(epoch: int) -> float:
    return float(schedule("release", epoch - 1, 30))


@cache
def answers() -> dict[tuple[str, str], list[float]]:
    """The bold numbers of each answer, in order; others have none."""
    bce, mc = counted("bce", "test"), counted("calibration", "test")
    p, n = calibration, percent
    return {
        ("00", "1"): [first_look()],
        ("00", "2"): [n(f(c)) for c in (bce, mc) for f in (p.confidence, p.accuracy)],
        ("00", "3"): [n(p.ece(bce)), n(p.ece(cooled("test")))],
        ("00", "4"): [n(less_sure_of_the_toss_up())],
        ("01", "1"): [p.confidence(of((1, 0.9, 1), (1, 0.6, 1), (1, 0.2, 0)))],
        ("01", "2"): [p.ece(of(*TWO_BINS)), p.oe(of(*TWO_BINS))],
        ("01", "3"): [p.ece(of(*TWO_BINS), 1)],
        ("01", "4"): [p.ece(of((1000, 0.7, 700)))],
        ("01", "5"): [n(per_image(truth(), p.ece).mean()), n(p.ece(truth()))],
        ("02", "1"): [perturb(torch.ones(1), Technique("mine", 1.2)).item()],
        ("02", "2"): [expected_targets(torch.zeros(1), 0.3, SOFT_INVERSION).item()],
        ("02", "4"): [Technique("mine", 1.25).alpha_limit],
        ("02", "5"): [np.prod([float(label_smoothing(0.3)[0]), label_smoothing(0.3)[1].beta]) / 2],
        ("03", "1"): [minimiser(1.0, 0.4, MODERATION), loss_floor(0.4, MODERATION)],
        ("03", "2"): [target_variance(0.2, SOFT_INVERSION) / target_variance(0.3, MODERATION)],
        ("03", "3"): [image_s_share(0.9)],
        ("03", "4"): [minimiser(0.7, 0.5, MODERATION)],
        ("04", "1"): [gradient(MODERATION, 5.0)],
        ("04", "2"): [bound(0.88, HARD_INVERSION)],
        ("04", "3"): [gain(0.001, 1500, HARD_INVERSION)],
        ("04", "4"): [rest_beyond_the_bound()],
        ("05", "2"): [first_step()],
        ("05", "3"): [first_epoch_that_moves(), bound(0.84, MODERATION)],
        ("06", "1"): [p.brier(of((10, 0.3, 4)))],
        ("06", "2"): [n(mean_ece(100)), n(mean_ece(900))],
        ("06", "4"): [min_max(np.array([[0.1, 0.35, 0.6]]))[0, 1]],
        ("07", "1"): [Temperature(2.0).apply(torch.tensor(4.0)).sigmoid()],
        ("07", "2"): [sum(RECALIBRATIONS[name]().preserves_decisions for name in FIVE)],
        ("07", "3"): [level_of(0.3, 0.9)],
        ("07", "4"): [n(p.ece(counted("bce", "textures"))), n(p.ece(cooled("textures")))],
        ("07", "5"): [ranks()["nll"], ranks()["ece"]],
        ("08", "1"): [told_the_rule()],
        ("08", "2"): [class_targets(torch.eye(5), 0.2, 1.0)[0, 0]],
        ("09", "1"): [0.5 * RELEASE.beta / 2],
        ("09", "2"): [epoch_s_rate(15)],
        ("09", "3"): [gain(0.002, 2000, RELEASE)],
        ("10", "1"): [expected_confidence(0.3, MODERATION)],
        ("10", "2"): [6 / logit(float(expected_confidence(0.3, MODERATION)))],
    }


BEFORE = {
    "1": [-np.log(0.8)],
    "2": [expit(2), expit(-2)],
    "3": [binom.mean(1, 0.2), binom.var(1, 0.2)],
    "4": [((np.array([0.9, 0.4, 0.7]) >= 0.5) == np.array([1, 1, 0])).mean()],
}
"""Of the five questions before the course."""


def check(answer: str, computed: list[float]) -> None:
    """Each bold number of an answer, in its digits."""
    said = re.findall(r"\*\*(-?\d[\d.]*)\*\*", answer)
    assert len(said) == len(computed), answer
    for text, value in zip(said, computed, strict=True):
        digits = len(text.partition(".")[2])
        assert abs(float(text) - float(value)) <= 0.5 * 10**-digits + 1e-6, (answer, value)


@pytest.mark.parametrize("number", LESSONS)
def test_the_numbers_of_a_quiz_are_the_library_s(number):
    for which, answer in quiz(number).items():
        check(answer, answers().get((number, which), []))


def test_the_numbers_of_the_five_questions_are_right():
    found = QUESTION.findall(under("## What students need"))
    assert len(found) == 5
    for which, _, answer in found:
        check(flat(answer), BEFORE.get(which, []))


class TestLessons:
    """Of a notebook made here: what is sought is found, or the error names it."""

    @pytest.fixture
    def path(self, tmp_path):
        asked = new_code_cell('guess = Number("How many?", 0, 9)\nguess')
        asked.outputs = [
            nbformat.v4.new_output(
                "display_data", {"text/plain": "Your prediction. How many? (0 to 9)"}
            )
        ]
        drawn = new_code_cell("figures.show(one)\nprint(guess.against(4))")
        drawn.outputs = [
            nbformat.v4.new_output("stream", name="stdout", text="Answer: 4. You said so.\n"),
            nbformat.v4.new_output(
                "display_data", {"image/png": "AAAA\n"}, metadata={"image/png": {"alt": "one"}}
            ),
        ]
        cells = [
            new_markdown_cell("# 01 A title\n\n```python\n# no heading\n```"),
            new_markdown_cell("## First\n\nasks"),
            asked,
            new_markdown_cell("### Exercise: one"),
            new_code_cell('exercises.check("01/one", answer)'),
            new_markdown_cell("goes on"),
            drawn,
        ]
        nbformat.write(new_notebook(cells=cells), tmp_path / "01_title.ipynb")
        return tmp_path / "01_title.ipynb"

    def test_sections_questions_answers_and_pictures_are_found(self, path):
        lesson = reading.lessons(path.parent)["01"]
        assert (lesson.name, lesson.title) == ("01_title", "01 A title")
        assert list(lesson.sections) == ["01 A title", "First", "Exercise: one"]
        assert lesson.question("guess") == "How many? (0 to 9)"
        assert lesson.answer("guess") == "4"
        # After its check an exercise is over.
        assert lesson.picture("First", "figures.show(") == ("AAAA", "one")

    @pytest.mark.parametrize(
        ("ask", "says"),
        [
            (lambda lesson: lesson.section("Second"), "01_title has no section 'Second'"),
            (lambda lesson: lesson.picture("First", "gone("), "0 cells contain 'gone\\('"),
            (lambda lesson: lesson.picture("Exercise: one", "check("), "draw 0 pictures"),
            (lambda lesson: lesson.question("other"), "no prediction 'other'"),
            (lambda lesson: lesson.answer("other"), "no answer to 'other'"),
        ],
    )
    @pytest.mark.fault(
        "a slide names what a notebook no longer has",
        "`make slides` stops, and names the notebook and what was sought",
    )
    def test_what_is_not_there_is_named(self, path, ask, says):
        with pytest.raises(ValueError, match=says):
            ask(reading.read(path))

    def test_two_sections_of_one_name_are_refused(self, path):
        notebook = nbformat.read(path, nbformat.NO_CONVERT)
        notebook.cells.append(new_markdown_cell("## First"))
        nbformat.write(notebook, path)
        with pytest.raises(ValueError, match="two sections 'First'"):
            reading.read(path)

    def test_a_folder_without_notebooks_is_named(self, tmp_path):
        with pytest.raises(ValueError, match=r"no notebooks in .*call it where README.md is"):
            reading.lessons(tmp_path)
