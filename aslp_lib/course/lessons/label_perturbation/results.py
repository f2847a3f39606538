"""Results of networks trained on perturbed labels: confidence over the dose, and bills."""

from collections.abc import Mapping

import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from aslp_lib.course import figures
from aslp_lib.course.lessons.bill.decision import bill, lowest
from aslp_lib.course.recorded import read_arrays
from aslp_lib.course.recorded.perturbations import PERTURBATIONS, at_perturbation
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


def confidence_over_dose(data: str, *others: str) -> Figure:
    """Plot the confidence of label smoothing over the dose, with the mean accuracy of all doses.

    Args:
        data, others: names of data sets.
    """
    confidence, accuracy = {}, {}
    for name in (data, *others):
        networks = [at_perturbation(dose, data=name).counts for dose in PERTURBATIONS]
        of = "" if name == data else f", {name}"
        confidence[f"label smoothing{of}"] = [100 * calibration.confidence(c) for c in networks]
        mean = np.mean([calibration.accuracy(counts) for counts in networks])
        accuracy[f"accuracy{of}"] = 100 * float(mean)
    panels, title = {"mean confidence, %": confidence}, f"Confidence over the dose, {data}"
    return figures.curves(PERTURBATIONS, panels, "dose", title, across=accuracy, digits=".2g")


def early_stopped(part: str) -> Counts:
    """Return the counts of BCE on nuclei at the epoch that early stopping keeps.

    Args:
        part: "validation" or "test".
    """
    return Counts(read_arrays("nuclei_early_stopping.npz")[part][None])


def bills(networks: Mapping[str, Counts]) -> Markdown:
    """Show the bills for 100 pixels if a miss costs 10, and what the best threshold would pay."""
    rows = {name: (*bill(c, miss=10), lowest(c, miss=10)) for name, c in networks.items()}
    return figures.percentages(("of 100 pixels", "planned", "paid", "checked", "at best"), rows)
