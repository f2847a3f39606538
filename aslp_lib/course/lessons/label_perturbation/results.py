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


def confidence_over_dose(data: str) -> Figure:
    """Plot the confidence of label smoothing over the dose, with the mean accuracy of all doses."""
    networks = [at_perturbation(dose, data=data).counts for dose in PERTURBATIONS]
    confidence = [100 * calibration.confidence(counts) for counts in networks]
    accuracy = 100 * float(np.mean([calibration.accuracy(counts) for counts in networks]))
    panels = {"mean confidence, %": {"label smoothing": confidence}}
    title, across = f"Confidence over the dose, {data}", {"accuracy": accuracy}
    return figures.curves(PERTURBATIONS, panels, "dose", title, across=across, digits=".2g")


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
