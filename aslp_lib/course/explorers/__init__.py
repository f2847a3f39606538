"""The course's explorers: interactive figures, each shown by a call in a notebook cell.

An explorer consists of a figure and a readout, which are pure functions of its controls' values and
take their numbers from the library. Tests and the static web pages take the explorers from
`EXPLORERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from aslp_lib.course import recorded
from aslp_lib.course.explorers.base import Explorer
from aslp_lib.course.explorers.loop import feedback
from aslp_lib.course.explorers.minimum import loss
from aslp_lib.course.explorers.perturbations import data, perturbation_lab
from aslp_lib.course.explorers.plane import perturbation
from aslp_lib.course.explorers.reliability import estimators
from aslp_lib.course.explorers.scrubber import training_scrubber
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics.counts import Counts
from aslp_lib.training.validation import validate


@cache
def _shipped_counts() -> dict[str, Counts]:
    """Count the predictions of the shipped networks on the test set: label -> counts."""
    test, settings = data().tests["test"], recorded.SETTINGS
    return {
        METHOD_LABELS[method]: validate(recorded.load(method), test, settings)
        for method in recorded.METHODS
    }


EXPLORERS: dict[str, Callable[[], Explorer]] = {
    "estimators": lambda: estimators(_shipped_counts()),
    "perturbation": lambda: perturbation(data().tests["test"].mask(1)),
    "loss": loss,
    "feedback": feedback,
    "perturbation_lab": perturbation_lab,
    "training_scrubber": training_scrubber,
}
"""Name -> function that makes the explorer as its notebook shows it, by `explorers.NAME(...)`."""
