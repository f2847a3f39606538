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
    "N": "forward correction",
}
"""Letter of a method in the records -> its name."""
QUESTIONS: Mapping[str, str] = {
    "L* - B": "Does perturbing labels help?",
    "C - L": "Does sampling help?",
    "C - L*": "Does sampling help?",
    "R - K": "Does it help if alpha rises?",
    "M_h - R_h": "Should alphas differ?",
    "B_ES - B": "What does early stopping achieve?",
    "M - B_ES": "Does ASLP beat early stopping?",
    "C_ES - B_ES": "Does sampling add to early stopping?",
}
"""Label of a primary contrast -> its question, in the order of the lesson."""

PARTS = ("validation", "SOD")
"""Sets of photographs that the lesson shows."""


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
    """Read mean scores on photographs: method -> ECE in % on familiar ones and SOD, then NLL."""
    methods = {
        "BCE": ("bce", "none"),
        "BCE, scaled": ("bce", "temperature_scaling"),
        "ASLP (MC)": ("aslp_mc", "none"),
        "BCE, scaled on corrupted images": ("bce", "corruption_temperature"),
    }
    runs = {
        name: [recorded.runs("comparison_photographs", part, *method) for part in PARTS]
        for name, method in methods.items()
    }
    return {
        name: [*(100 * part.ece.mean() for part in parts), *(part.nll.mean() for part in parts)]
        for name, parts in runs.items()
    }
