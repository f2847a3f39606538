"""The audit: the trial in words, and its figures."""

import numpy as np

from aslp_lib.course import recorded, trial
from aslp_lib.course.lessons import audit
from aslp_lib.course.lessons.audit.words import QUESTIONS, in_words
from aslp_lib.data.image_set import derived_seed
from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation.figures import alt


def test_verdicts_in_words_are_those_of_the_letters_and_the_forest_plot_says_them():
    """Another order of the family must not change Holm's correction."""
    families = {name: audit.primary(trial.read(name)) for name in ("shapes", "nuclei")}
    letters = trial.verdicts(trial.effects(trial.read("shapes"), confidence=trial.SIMULTANEOUS))
    expected = {in_words(label): word for label, word in letters.items()}
    assert len(expected) == len(trial.PRIMARY) and {*trial.MECHANISM_ARMS} <= audit.NAMES.keys()
    assert trial.verdicts(families["shapes"]) == expected
    figure = audit.figures.verdict(families)
    assert "ASLP (MC) against early stopping +0.040 [+0.026, +0.054], worse" in alt(figure)
    asked = {*QUESTIONS.values()} - {QUESTIONS["M_h - R_h"]}
    assert asked <= {note.get_text() for note in figure.axes[0].texts}


def test_further_records_are_those_of_the_page_of_results():
    """Tables of docs/results.md."""
    nll = {key: runs.mean() for key, runs in audit.trained_again().items()}
    assert len(audit.trained_again()["nuclei", "C", "undone"]) == 5
    assert round(nll["shapes", "B", "temperature"], 3) == 0.288
    assert round(nll["nuclei", "B", "(d, T)"], 3) == 0.176
    scores = {k: [f"{x:.2f}" for x in row] for k, row in audit.photographs().items()}
    assert scores["ASLP (MC)"] == ["4.91", "4.10", "0.17", "0.39"]
    assert scores["BCE, scaled on corrupted images"] == ["3.98", "4.20", "0.15", "0.39"]


def test_memorised_shares_are_those_of_the_lesson():
    """Excess of each arm at the end, in % of the excess of an arm that memorises its targets.

    The frozen switch is measured on images that it did not invert, so that its target is the label.
    """
    unlikely = []
    for seed in trial.MECHANISM_SEEDS:
        shapes = Shapes("train", 160, derived_seed(seed, 0), size=recorded.SETTINGS.size)
        y = shapes.masks[:, 0].numpy() == 1
        posterior = np.where(y, shapes.posterior, 1 - shapes.posterior)
        unlikely.append(posterior[posterior < 0.3].mean())
    pi, alpha = np.mean(unlikely), 0.25  # with hard inversion
    asked = (1 - 2 * alpha) * pi + alpha
    ceiling = {"B": 1 - pi, "L": 1 - alpha - asked, "C": 1 - alpha - asked, "F": 1 - asked}
    mechanism = trial.read("mechanism")
    excess = trial.excess(mechanism, mechanism.epoch.max())
    shares = {arm: round(100 * excess[arm][0] / end) for arm, end in ceiling.items()}
    assert shares == {"B": 95, "L": 94, "C": 28, "F": 79}
