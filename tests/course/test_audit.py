"""The audit: the trial in words, and its figures."""

import re

import pandas as pd
import pytest

from aslp_lib.course import trial
from aslp_lib.course.lessons import audit
from aslp_lib.course.lessons.audit.words import QUESTIONS, in_words
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


def test_verdicts_in_words_are_those_of_the_letters(families):
    """Another order of the family must not change Holm's correction."""
    letters = trial.effects(SHAPES, confidence=trial.SIMULTANEOUS)
    expected = {in_words(label): word for label, word in trial.verdicts(letters).items()}
    assert trial.verdicts(families["shapes"]) == expected


def test_the_table_has_a_row_for_each_question_and_no_letters(families):
    head, _, *rows = audit.verdict_table(families).splitlines()
    assert "shapes | nuclei" in head and len(rows) == len(trial.PRIMARY)
    flip = next(row for row in rows if "constant alpha against label smoothing (same" in row)
    assert flip.count("**better**, -0.0") == 2
    assert not re.search(r"\b[A-Z]_(ES|h)\b|\b[BCLMRK] - ", "".join(rows))


def test_the_forest_plot_says_the_verdicts_in_words(families):
    text = alt(audit.figures.verdict(families))
    assert "ASLP (MC) against early stopping +0.040 [+0.026, +0.054], worse" in text
    assert "\n" not in text


def test_sizes_are_the_effects_of_the_trial_in_words():
    effects = audit.sizes(SHAPES)
    assert list(effects) == [in_words("C - L"), in_words("L - B")]
    pd.testing.assert_index_equal(pd.Index(effects[in_words("C - L")]), pd.Index(list(trial.SIZES)))
