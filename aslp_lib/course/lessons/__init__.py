"""The lessons of the course.

A lesson is a notebook, a line of `LESSONS`, and a folder here with the lesson's name: its exercises
(texts in `exercises.md`, checks in `exercises.py`), and the figures, simulations and records that
no other lesson uses.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple


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
    "own_data": Lesson("09_your_own_data", "Your own data"),
    "maximum_entropy": Lesson("e1_maximum_entropy", "Maximum entropy"),
    "stability": Lesson("e2_stability_of_alpha", "Stability of alpha"),
    "distribution_shift": Lesson("e3_distribution_shift", "Distribution shift"),
    "release": Lesson("e4_reading_the_release", "Reading the release"),
    "more_classes": Lesson("e5_more_than_two_classes", "More than two classes"),
}
"""Every lesson by its name, in the order of the course. A notebook's number occurs only here."""


def lazily(package: str, **modules: str) -> Callable[[str], Any]:
    """Make the `__getattr__` of a lesson's package that imports its modules at their first use.

    So a recorded explorer can be imported without torch and matplotlib, which the others need.

    Args:
        modules: name of the package that another module defines -> that module.
    """

    def get(name: str) -> Any:
        place = f"{package}.{modules.get(name, name)}"
        if name.startswith("_") or find_spec(place) is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(place)
        return getattr(module, name) if name in modules else module

    return get
