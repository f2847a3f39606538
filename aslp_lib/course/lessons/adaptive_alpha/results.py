"""Recorded runs of the rules."""

from collections.abc import Sequence

import pandas

from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.course import recorded
from aslp_lib.course.lessons.bill.decision import Bill, bill
from aslp_lib.course.lessons.label_perturbation.results import early_stopped
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Temperature, Unperturb

RULES: dict[str, tuple[str, dict[str, object]]] = {
    "BCE": ("bce", {}),
    "constant alpha": ("constant_alpha", {"technique": "HI", "alpha": 0.125}),
    "ASLP (MC)": ("aslp_mc", {"technique": "HI"}),
    "ASLP (measured gap)": ("aslp_gap", {"technique": "HI"}),
}
"""Name -> method and hyperparameters of the runs on `shapes`."""


def of_rules(score: str, recalibration: str = "none") -> dict[str, pandas.Series]:
    """Read a score of five runs of each of `RULES` on the test images of `shapes`."""
    return {
        name: recorded.runs("techniques_shapes", "test", method, recalibration, **options)[score]
        for name, (method, options) in RULES.items()
    }


def undone_and_scaled(of_parts: Sequence[Counts], dose: float) -> Counts:
    """Undo a dose in counts of validation and test, and scale the latter by the former's fit."""
    validation, test = (Unperturb(dose).apply_counts(counts) for counts in of_parts)
    return Temperature().fit(validation).apply_counts(test)


def rivals() -> dict[str, Bill]:
    """Compute the two lowest bills of *Label perturbation* on nuclei, at 10 for a miss."""
    stopped = Temperature().fit(early_stopped("validation")).apply_counts(early_stopped("test"))
    level = recorded.settings_of("nuclei").hyperparameters.constant_alpha.alpha
    dose = HARD_INVERSION.beta * level
    undone = undone_and_scaled(recorded.on_nuclei("constant_alpha"), dose)
    return {
        "BCE, early-stopped, scaled": bill(stopped, miss=10),
        "constant alpha, undone, scaled": bill(undone, miss=10),
    }
