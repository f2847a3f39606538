"""The trial in words: names of its methods, and its questions in the order of the lesson."""

from collections.abc import Mapping

import pandas

from aslp_lib.course import trial
from aslp_lib.course.trial import Effect
from aslp_lib.evaluation.tables import markdown_table

NAMES: Mapping[str, str] = {
    "B": "BCE",
    "B_ES": "early stopping",
    "L*": "label smoothing (tuned)",
    "L": "label smoothing (same target)",
    "C": "constant alpha",
    "C_ES": "constant alpha with early stopping",
    "R": "ramped alpha",
    "K": "matched constant",
    "M": "ASLP (MC)",
    "M_h": "ASLP with unequal alphas",
    "R_h": "their mean",
    "F": "frozen switch",
}
"""Letter of a method in the records -> its name."""
QUESTIONS: Mapping[str, str] = {
    "L* - B": "Does perturbing labels help?",
    "C - L": "Does the coin flip help?",
    "C - L*": "Does the coin flip help?",
    "R - K": "Does adapting alpha help?",
    "M_h - R_h": "Does adapting alpha help?",
    "B_ES - B": "What does the free method achieve?",
    "M - B_ES": "Does ASLP beat the free method?",
    "C_ES - B_ES": "Does the coin flip add to it?",
}
"""Label of a primary contrast -> its question, in the order of the lesson."""


def in_words(label: str) -> str:
    """Write a contrast with the names of its methods.

    >>> in_words("C - L")
    'constant alpha against label smoothing (same target)'
    """
    first, second = label.split(" - ")
    return f"{NAMES[first]} against {NAMES[second]}"


def primary(frame: pandas.DataFrame) -> dict[str, Effect | None]:
    """Compute the primary family in words and in the lesson's order, with simultaneous intervals.

    Args:
        frame: the records of a data set.
    """
    family = trial.effects(frame, confidence=trial.SIMULTANEOUS)
    return {in_words(label): family[label] for label in QUESTIONS}


def verdict_table(families: Mapping[str, Mapping[str, Effect | None]]) -> str:
    """Format the verdicts as Markdown, with the mean difference in NLL behind each.

    Args:
        families: name of the data set -> its primary family, see `primary`.
    """
    columns = [
        [_cell(word, family[label]) for label, word in trial.verdicts(family).items()]
        for family in families.values()
    ]
    labels = next(iter(families.values()))
    rows = zip(QUESTIONS.values(), labels, *columns, strict=True)
    return markdown_table(["question", "compared", *families], rows, "l")


def _cell(word: str, change: Effect | None) -> str:
    return word if change is None else f"**{word}**, {trial.text(change.mean, 'nll', '+')}"


def sizes(frame: pandas.DataFrame) -> dict[str, dict[int, Effect]]:
    """Compute the effects by number of training images, in words.

    Args:
        frame: the records of the shapes.
    """
    return {in_words(label): effect for label, effect in trial.training_set_size(frame).items()}
