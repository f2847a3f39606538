"""The lessons of the course.

A lesson is a notebook, a line of `LESSONS`, and a folder here with the lesson's name: its exercises
(texts in `exercises.md`, checks in `exercises.py`), and the figures, simulations and records that
no other lesson uses.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Lesson(NamedTuple):
    """Where the text of a lesson is.

    Args:
        notebook: name of the notebook's file, without its ending.
        title: title of the notebook, to the colon.
    """

    notebook: str
    title: str


LESSONS: Mapping[str, Lesson] = {
    "bill": Lesson("00_the_bill", "The bill"),
    "confidence": Lesson("01_confidence_and_calibration", "Confidence and calibration"),
    "remedies": Lesson("02_remedies_of_one_number", "Remedies of one number"),
    "label_perturbation": Lesson("03_label_perturbation", "Label perturbation"),
    "sc_bce": Lesson("04_sc_bce", "SC-BCE"),
    "adaptive_alpha": Lesson("05_adaptive_alpha", "Adaptive alpha"),
    "training": Lesson("06_full_training", "Full training"),
    "evaluation": Lesson("07_evaluating_calibration", "Evaluating calibration"),
    "audit": Lesson("08_the_audit", "The audit"),
    "insurance": Lesson("09_insurance", "Insurance"),
    "own_data": Lesson("10_your_own_data", "Your own data"),
    "maximum_entropy": Lesson("e1_maximum_entropy", "Maximum entropy"),
    "stability": Lesson("e2_stability_of_alpha", "Stability of alpha"),
    "distribution_shift": Lesson("e3_distribution_shift", "Distribution shift"),
    "release": Lesson("e4_reading_the_release", "Reading the release"),
    "more_classes": Lesson("e5_more_than_two_classes", "More than two classes"),
}
"""Every lesson by its name, in the order of the course. A notebook's number occurs only here."""
