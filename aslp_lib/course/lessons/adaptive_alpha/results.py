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


def mc_runs() -> pandas.DataFrame:
    """Read nine runs of MC with hard inversion, scored on the validation images that set the bound.

    Returns:
        A row per run: the confidence of its targets and of the network, the accuracy, and the
        width of the middle 80 % of its alphas.
    """
    files = {"shapes": "techniques_shapes", "photographs": "comparison_photographs"}
    runs = {
        data: recorded.runs(name, "validation", "aslp_mc", technique="HI").set_index("seed")
        for data, name in files.items()
    }
    last = pandas.DataFrame(recorded.load_log("aslp_mc", "nuclei")[-1:])
    runs["nuclei"] = last.eval("gap = confidence - accuracy")
    table = pandas.concat(runs)
    columns = {
        "confidence of targets": 1 - table.alpha_mean,
        "confidence of network": table.accuracy + table.gap,
        "accuracy": table.accuracy,
        "width of alphas": table.alpha_p90 - table.alpha_p10,
    }
    return pandas.DataFrame(columns).set_index(table.index.map("{0[0]}, seed {0[1]}".format))


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
