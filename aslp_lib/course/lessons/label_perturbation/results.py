"""Results of networks trained on perturbed labels: bills, scores, and what they memorise."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown
from numpy.typing import NDArray

from aslp_lib.aslp.perturbation import (
    HARD_INVERSION,
    MODERATION,
    SOFT_INVERSION,
    sampled_targets,
)
from aslp_lib.course import figures, first_trial, recorded
from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.course.recorded import read_arrays
from aslp_lib.course.recorded.perturbations import at_perturbation
from aslp_lib.metrics.counts import Counts

Array = NDArray[np.float64]
DOSE = 0.2
"""Dose of the techniques that are compared."""
DOSE_OF_TRIAL = 0.5
"""Dose of label smoothing and of constant alpha in the first trial, on shapes."""
TECHNIQUES = HARD_INVERSION, SOFT_INVERSION, MODERATION
SMOOTHING, STOPPED = "label smoothing", "BCE, early-stopped"


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
        Technique, label smoothing, early-stopped BCE or BCE -> (epochs,).
    """
    generator = torch.Generator().manual_seed(68)
    targets = {}
    for technique in TECHNIQUES:
        alpha = DOSE / technique.beta
        drawn = sampled_targets(torch.ones(epochs), alpha, technique, generator)
        targets[technique.name] = drawn.double().numpy()
    undosed = {name: np.ones(epochs) for name in (STOPPED, "BCE")}
    return targets | {SMOOTHING: np.full(epochs, 1 - DOSE / 2)} | undosed


def scores_of_techniques() -> dict[str, Array]:
    """Return the scaled Brier scores on shapes at the dose 0.2, or at 0 for BCE.

    Returns:
        Technique, label smoothing, early-stopped BCE or BCE -> (seeds,).
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
    scores = {
        name: recorded.runs("techniques_shapes", "test", **chosen, **option).brier.to_numpy()
        for name, option in options.items()
    }
    stopped = recorded.runs("comparison_shapes", "test", "early_stopping", **chosen)
    baseline = scores.pop("BCE")  # comes last
    return scores | {STOPPED: stopped.brier.to_numpy(), "BCE": baseline}


def memorised() -> dict[str, pd.DataFrame]:
    """Return the memorised probability of unlikely training labels, undone, in the first trial.

    This is the mean of p(y) minus the posterior of y, where that is below 0.3. What is recorded is
    the excess of p(y) over the expected target of the run, which a dose d shrinks by 1 - d.

    Returns:
        BCE, label smoothing and constant alpha, undone -> seeds x epochs.
    """
    records = first_trial.read("mechanism")
    arms = {"BCE": "B", f"{SMOOTHING}, undone": "L", "constant alpha, undone": "C"}
    excess = {
        name: records[records.arm == arm].pivot_table("excess", "seed", "epoch")
        for name, arm in arms.items()
    }
    return {
        name: table / (1 - DOSE_OF_TRIAL) if "undone" in name else table
        for name, table in excess.items()
    }


def kept_epochs() -> pd.Series:
    """Return the epochs that early stopping keeps of BCE in the runs of `memorised`, by seed."""
    records = first_trial.read("shapes")
    kept = records[(records.arm == "B") & (records.weights == "best") & (records["set"] == "test")]
    return kept.groupby("seed").epoch.first()[memorised()["BCE"].index]
