"""The audit: the trial in words, and its figures."""

import numpy as np
import pytest

from aslp_lib.course import recorded, trial
from aslp_lib.course.lessons import audit
from aslp_lib.course.lessons.audit.words import ADAPTATION, QUESTIONS, UNLIKELY, in_words
from aslp_lib.data.image_set import derived_seed
from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation.figures import alt

SHAPES = trial.read("shapes")


@pytest.fixture(scope="module")
def families():
    return {name: audit.primary(trial.read(name)) for name in ("shapes", "nuclei")}


def test_the_lesson_asks_every_primary_question_once_and_names_every_method():
    assert sorted(QUESTIONS) == sorted(contrast.label for contrast in trial.PRIMARY)
    methods = {method for contrast in trial.PRIMARY for method in contrast[:2]}
    assert methods | {*trial.MECHANISM_ARMS} <= audit.NAMES.keys()
    assert len(set(audit.NAMES.values())) == len(audit.NAMES)


def test_verdicts_in_words_are_those_of_the_letters_and_the_forest_plot_says_them(families):
    """Another order of the family must not change Holm's correction."""
    letters = trial.effects(SHAPES, confidence=trial.SIMULTANEOUS)
    expected = {in_words(label): word for label, word in trial.verdicts(letters).items()}
    assert trial.verdicts(families["shapes"]) == expected
    figure = audit.figures.verdict(families)
    assert "ASLP (MC) against early stopping +0.040 [+0.026, +0.054], worse" in alt(figure)
    asked = {question for question in QUESTIONS.values() if question != ADAPTATION}
    assert asked <= {note.get_text() for note in figure.axes[0].texts}


def test_further_records_are_those_of_the_page_of_results():
    """Tables of docs/results.md."""
    nll = {key: runs.mean() for key, runs in audit.trained_again().items()}
    assert len(audit.trained_again()["nuclei", "C", "undone"]) == 5
    assert round(nll["shapes", "B", "temperature"], 3) == 0.288
    assert round(nll["nuclei", "B", "(d, T)"], 3) == 0.176
    ece = {k: [f"{100 * x:.2f}" for x in row] for k, row in audit.photographs().items()}
    assert ece["ASLP (MC)"] == ["4.91", "4.10"]
    assert ece["BCE, scaled on corrupted images"] == ["3.98", "4.20"]


def test_marks_of_complete_memorisation_follow_from_the_labels_of_the_trial():
    unlikely = []
    for seed in trial.MECHANISM_SEEDS:
        shapes = Shapes("train", 160, derived_seed(seed, 0), size=recorded.SETTINGS.size)
        y = shapes.masks[:, 0].numpy() == 1
        posterior = np.where(y, shapes.posterior, 1 - shapes.posterior)
        unlikely.append(posterior[posterior < 0.3].mean())
    assert np.mean(unlikely) == pytest.approx(UNLIKELY, abs=0.0005)
    text = alt(audit.figures.memorised_labels(trial.read("mechanism")))
    assert "frozen switch 20 → 79 [71 to 86]" in text
