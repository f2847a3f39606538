"""Results of networks trained on perturbed labels: confidence over the dose, scores and bills."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from IPython.display import Markdown
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aslp_lib.aslp.perturbation import (
    HARD_INVERSION,
    MODERATION,
    SOFT_INVERSION,
    sampled_targets,
)
from aslp_lib.course import figures, recorded
from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.course.lessons.label_perturbation.figures import at_a_square
from aslp_lib.course.recorded import read_arrays
from aslp_lib.course.recorded.perturbations import (
    PERTURBATIONS,
    RECORDED,
    at_perturbation,
    at_temperature,
    known,
)
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Temperature

Array = NDArray[np.float64]
DOSES = np.array(PERTURBATIONS)
"""Doses of the networks whose predictions are recorded."""
DOSE = 0.2
"""Dose of the techniques that are compared."""
MISSED = 18, (12, 26)
"""Index of the test image with the likely shape that BCE misses most, and a pixel of the shape."""
TECHNIQUES = HARD_INVERSION, SOFT_INVERSION, MODERATION
SMOOTHING = "label smoothing"


def over_dose(data: str) -> Figure:
    """Plot the confidence and the accuracy of label smoothing over the dose."""
    networks = [at_perturbation(dose, data=data).counts for dose in PERTURBATIONS]
    measures = {
        "accuracy": calibration.accuracy,
        "label smoothing, mean confidence": calibration.confidence,
    }
    panel = {name: [100 * measure(c) for c in networks] for name, measure in measures.items()}
    xlabel, title = "dose of label smoothing (0: BCE)", "A dose lowers confidence, not accuracy"
    panels = {"mean over test pixels, %": panel}
    return figures.curves(
        PERTURBATIONS, panels, xlabel, title, digits=".0f", solid=True, ylim=(60, 100)
    )


def smoothed(dose: float) -> Counts:
    """Return the counts of label smoothing on the test crops of nuclei."""
    return at_perturbation(dose, data="nuclei").counts


def early_stopped(part: str) -> Counts:
    """Return the counts of BCE on nuclei at the epoch that early stopping keeps.

    Args:
        part: "validation" or "test".
    """
    return Counts(read_arrays("nuclei_early_stopping.npz")[part][None])


def bills(networks: Mapping[str, Counts]) -> Markdown:
    """Show what was planned and paid for 100 pixels, and how many are checked, at a miss of 10."""
    rows = {name: bill(counts, miss=10) for name, counts in networks.items()}
    return figures.percentages(("of 100 pixels", "planned", "paid", "checked"), rows)


def targets_of_techniques(epochs: int = 100) -> dict[str, Array]:
    """Sample the targets of a foreground pixel at the dose 0.2, or at 0 for BCE.

    Returns:
        Technique, label smoothing or BCE -> (epochs,).
    """
    generator = torch.Generator().manual_seed(68)
    targets = {}
    for technique in TECHNIQUES:
        alpha = DOSE / technique.beta
        drawn = sampled_targets(torch.ones(epochs), alpha, technique, generator)
        targets[technique.name] = drawn.double().numpy()
    return targets | {SMOOTHING: np.full(epochs, 1 - DOSE / 2), "BCE": np.ones(epochs)}


def scores_of_techniques() -> dict[str, Array]:
    """Return the scaled Brier scores on shapes at the dose 0.2, or at 0 for BCE.

    Returns:
        Technique, label smoothing or BCE -> (seeds,).
    """
    options: dict[str, dict[str, Any]] = {
        technique.name: {
            "method": "constant_alpha",
            "technique": technique.name,
            "alpha": round(DOSE / technique.beta, 6),
        }
        for technique in TECHNIQUES
    }
    options[SMOOTHING] = {"method": "label_smoothing", "epsilon": DOSE}  # epsilon is its dose
    options["BCE"] = {"method": "bce"}
    chosen = {"recalibration": "temperature_scaling"}
    return {
        name: recorded.runs("techniques_shapes", "test", **chosen, **option).brier.to_numpy()
        for name, option in options.items()
    }


def known_confidence() -> dict[str, Array]:
    """Return mean confidences on shapes, on background and on ambiguous pixels.

    Returns:
        Bayes-optimal, BCE and scaled BCE -> (2,); label smoothing and constant alpha, as trained at
        each of `DOSES` -> (13, 2).
    """
    shapes = recorded.SETTINGS.load_data()
    test: Any = shapes.tests["test"]
    posterior = test.posterior
    optimal, ambiguous = np.maximum(posterior, 1 - posterior), abs(posterior - 0.5) < 0.25
    means = {"Bayes-optimal": [optimal[posterior == 0].mean(), optimal[ambiguous].mean()]}
    scaling = Temperature().fit(recorded.count(recorded.load("bce"), shapes.validation))
    for name, outcome in (
        ("BCE", at_perturbation(0)),
        ("BCE, scaled", at_temperature(scaling.value.item())),
    ):
        means[name] = [outcome.background, outcome.ambiguous]
    confidences = {name: np.array(pair) for name, pair in means.items()}
    for name, targets in ((SMOOTHING, "expected"), ("constant alpha", "sampled")):
        outcomes = [at_perturbation(dose, targets=targets) for dose in PERTURBATIONS]
        confidences[name] = np.array([(x.background, x.ambiguous) for x in outcomes])
    return confidences


def missed_shape() -> Figure:
    """Show the likely shape that BCE misses most, its posterior, and three predictions."""
    i, pixel = MISSED
    pictures = known(recorded.SETTINGS.load_data().tests["test"], [i])
    maps = {"the true π": pictures["posterior"][0]}
    for name, dose, targets in (
        ("BCE", 0.0, "expected"),
        (f"{SMOOTHING}, undone", DOSE, "expected"),
        ("constant alpha, undone", DOSE, "sampled"),
    ):
        recorded_maps = at_perturbation(dose, targets=targets).maps
        f = recorded_maps[RECORDED["shapes"].picks["test"].index(i)]
        maps[name] = ((f - dose / 2) / (1 - dose)).clip(0, 1)
    return at_a_square(pictures["images"][0], maps, pixel)
