"""The trial in words: names of its methods, and its questions in the order of the lesson."""

from collections.abc import Mapping

import pandas

from aslp_lib.course import trial
from aslp_lib.course.trial import Effect

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
    "M_ES": "ASLP with early stopping",
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
    "B_ES - B": "What does early stopping achieve?",
    "M - B_ES": "Does ASLP beat early stopping?",
    "C_ES - B_ES": "Does the coin flip add to early stopping?",
}
"""Label of a primary contrast -> its question, in the order of the lesson."""

WITHOUT_VERDICT = ("M - B", "M - C", "M - R", "C - B_ES", "M_ES - B_ES")
"""Labels of the secondary contrasts that the lesson shows."""
UNLIKELY = 0.172
"""Mean posterior of the unlikely training labels of the mechanism, over its ten seeds."""
ALPHA = 0.25
"""The constant alpha of the mechanism, with hard inversion."""


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


def without_verdict(frames: Mapping[str, pandas.DataFrame]) -> pandas.DataFrame:
    """Tabulate secondary differences in words, with individual 95 % intervals, per data set.

    Args:
        frames: name of the data set -> its records.
    """
    effects = {name: trial.effects(f, trial.SECONDARY) for name, f in frames.items()}
    return pandas.DataFrame(
        {
            name: {in_words(k): trial.interval_text(found[k], "nll") for k in WITHOUT_VERDICT}
            for name, found in effects.items()
        }
    )


def sizes(frame: pandas.DataFrame) -> dict[str, dict[int, Effect]]:
    """Compute the effects by number of training images, in words.

    Args:
        frame: the records of the shapes.
    """
    return {in_words(label): effect for label, effect in trial.training_set_size(frame).items()}


def complete_memorisation(posterior: float = UNLIKELY, alpha: float = ALPHA) -> dict[str, float]:
    """Compute the excess of an arm of the mechanism that memorises its targets completely.

    The expected target of a label y is 1 - alpha, with hard inversion. The frozen switch is
    measured on images that it did not invert, so that its target is y itself.

    >>> {arm: round(end, 2) for arm, end in complete_memorisation().items()}
    {'B': 0.83, 'L': 0.41, 'C': 0.41, 'F': 0.66}

    Args:
        posterior: mean posterior of the unlikely labels.
        alpha: perturbation level of the perturbed arms.
    """
    asked = (1 - 2 * alpha) * posterior + alpha
    expected = 1 - alpha - asked
    return {"B": 1 - posterior, "L": expected, "C": expected, "F": 1 - asked}
