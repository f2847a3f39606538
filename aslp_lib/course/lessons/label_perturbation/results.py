"""Results of networks trained on perturbed labels: bills, scores, and what they memorise."""

import functools
from collections.abc import Mapping
from dataclasses import replace
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
from aslp_lib.course import figures, first_trial, recorded, second_trial
from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.course.recorded.perturbations import at_perturbation
from aslp_lib.metrics.counts import Counts

Array = NDArray[np.float64]
DOSE = 0.2
"""Dose of the techniques that are compared."""
DOSE_OF_TRIALS = 0.5
"""Dose of label smoothing and of constant alpha on shapes, in both trials."""
UNLIKELY = 0.3
"""Labels of a lower posterior are unlikely."""
TECHNIQUES = HARD_INVERSION, SOFT_INVERSION, MODERATION
SMOOTHING = "label smoothing"


def smoothed(dose: float) -> Counts:
    """Return the counts of label smoothing on the test crops of nuclei."""
    return at_perturbation(dose, data="nuclei").counts


def bills(networks: Mapping[str, Counts]) -> Markdown:
    """Show what was planned and paid for 100 pixels, and how many are checked, at a miss of 10."""
    rows = {name: bill(counts, miss=10) for name, counts in networks.items()}
    return figures.percentages(("of 100 pixels", "planned", "paid", "checked"), rows)


def targets_of_techniques(epochs: int = 100) -> dict[str, Array]:
    """Sample the targets of a foreground pixel at the dose 0.2.

    Returns:
        Technique or label smoothing, with its alpha -> (epochs,).
    """
    generator = torch.Generator().manual_seed(68)
    targets = {}
    for technique in TECHNIQUES:
        alpha = DOSE / technique.beta
        sampled = sampled_targets(torch.ones(epochs), alpha, technique, generator)
        targets[f"{technique.name}, alpha {alpha:.2f}"] = sampled.double().numpy()
    return targets | {f"{SMOOTHING}, alpha 1": np.full(epochs, 1 - DOSE / 2)}


def of_labels(foreground: Any, images: Any) -> Array:
    """Return the probability of each label of a set from that of foreground, (N, H, W)."""
    p = np.asarray(foreground, float)
    return np.where(images.masks[:, 0].numpy() == 1, p, 1 - p)


@functools.cache
def posterior_of_unlikely_labels() -> pd.Series:
    """Return the mean posterior of the unlikely training labels of `probability_of_unlikely`.

    Returns:
        Seed of the first trial -> mean in [0, 0.3).
    """
    settings, means = recorded.settings_of("shapes"), {}
    for seed in first_trial.read("mechanism").seed.unique().tolist():
        train: Any = replace(settings, data_seed=seed).load_data().train
        posterior = of_labels(train.posterior, train)
        means[seed] = float(posterior[posterior < UNLIKELY].mean())
    return pd.Series(means)


def unlikely_on_unseen_images() -> float:
    """Return the mean probability of unlikely validation and test labels of shapes, with BCE."""
    splits: Any = recorded.settings_of("shapes").load_data()
    network = recorded.load("bce", "shapes")
    probabilities = []
    for images in (splits.validation, splits.tests["test"]):
        given = of_labels(recorded.logits(network, images)[:, 0].sigmoid(), images)
        probabilities.append(given[of_labels(images.posterior, images) < UNLIKELY])
    return float(np.concatenate(probabilities).mean())


def probability_of_unlikely() -> dict[str, pd.DataFrame]:
    """Return the mean probability, undone, of unlikely training labels in the first trial.

    A label is unlikely if its posterior is below 0.3. What is recorded is the mean excess of p(y)
    over the expected target of the run. A dose d shrinks this excess by 1 - d, so that dividing by
    1 - d and adding the mean posterior gives the probability undone, without clipping.

    Returns:
        BCE, label smoothing and constant alpha, undone -> seeds x epochs.
    """
    records = first_trial.read("mechanism")
    arms = {"BCE": "B", f"{SMOOTHING}, undone": "L", "constant alpha, undone": "C"}
    probabilities = {}
    for name, arm in arms.items():
        excess = records[records.arm == arm].pivot_table("excess", "seed", "epoch")
        kept = 1 - DOSE_OF_TRIALS if "undone" in name else 1.0
        probabilities[name] = (excess / kept).add(posterior_of_unlikely_labels(), axis="index")
    return probabilities


def kept_epochs() -> pd.Series:
    """Return the epochs that early stopping keeps of BCE in the runs above, by seed."""
    records = first_trial.read("shapes")
    kept = records[(records.arm == "B") & (records.weights == "best") & (records["set"] == "test")]
    return kept.groupby("seed").epoch.first()[posterior_of_unlikely_labels().index]


def brier_of_trial() -> dict[str, Array]:
    """Return the Brier scores on shapes in the second trial, dose and temperature fitted.

    Returns:
        Method -> (seeds,).
    """
    runs = second_trial.read()
    shapes = runs[runs.regime == "shapes"]
    arms = {"BCE": "B", SMOOTHING: "L", "constant alpha": "C", "BCE, early-stopped": "B_ES"}
    return {
        name: second_trial.table(shapes, arm, score="brier").brier.to_numpy()
        for name, arm in arms.items()
    }
