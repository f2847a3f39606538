"""The trial in words: names of its methods, and its questions in the order of the lesson."""

from collections.abc import Mapping

import pandas

from aslp_lib.course import recorded, trial
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
ADAPTATION = "Does adapting alpha help?"
QUESTIONS: Mapping[str, str] = {
    "L* - B": "Does perturbing labels help?",
    "C - L": "Does sampling help?",
    "C - L*": "Does sampling help?",
    "R - K": ADAPTATION,
    "M_h - R_h": ADAPTATION,
    "B_ES - B": "What does early stopping achieve?",
    "M - B_ES": "Does ASLP beat early stopping?",
    "C_ES - B_ES": "Does sampling add to early stopping?",
}
"""Label of a primary contrast -> its question, in the order of the lesson."""

PARTS = ("validation", "SOD")
"""Sets of photographs that the lesson shows."""
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


def by_size(frame: pandas.DataFrame) -> dict[int, Effect]:
    """Compare constant alpha with label smoothing of the same dose, by number of images.

    Args:
        frame: the records of the shapes.
    """
    return trial.training_set_size(frame)["C - L"]


def trained_again() -> dict[tuple[str, str, str], pandas.Series]:
    """Read the runs that were recalibrated in several ways, with early stopping.

    Returns:
        Data set, arm and recalibration -> test NLL by seed.
    """
    frame = pandas.read_csv(recorded.RESULTS / "undone.csv")
    frame = frame[(frame["set"] == "test") & (frame.epoch == "best")]
    runs = frame.groupby(["data", "arm", "recalibration"])
    return {key: rows.set_index("seed").nll for key, rows in runs}


def photographs() -> dict[str, list[float]]:
    """Read the mean ECE on photographs like those of training, and on SOD, by method."""
    methods = {
        "BCE": ("bce", "none"),
        "BCE, scaled": ("bce", "temperature_scaling"),
        "ASLP (MC)": ("aslp_mc", "none"),
        "BCE, scaled on corrupted images": ("bce", "corruption_temperature"),
    }
    return {
        label: [recorded.runs("comparison_photographs", part, *m).ece.mean() for part in PARTS]
        for label, m in methods.items()
    }


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
