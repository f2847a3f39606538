"""Recorded runs of the rules."""

import numpy as np

from aslp_lib.course import recorded
from aslp_lib.course.recorded import epochs

RULES: dict[str, tuple[str, dict[str, object]]] = {
    "BCE": ("bce", {}),
    "constant alpha": ("constant_alpha", {"technique": "HI", "alpha": 0.125}),
    "ASLP (MC)": ("aslp_mc", {"technique": "HI"}),
    "ASLP (measured gap)": ("aslp_gap", {"technique": "HI"}),
}
"""Name -> method and hyperparameters of the runs on `shapes`."""


def of_rules(score: str, recalibration: str = "none") -> dict[str, np.ndarray]:
    """Read a score of five runs of each of `RULES` on the test images of `shapes`, by seed."""
    scores = {}
    for name, (method, options) in RULES.items():
        runs = recorded.runs("techniques_shapes", "test", method, recalibration, **options)
        scores[name] = runs.sort_values("seed")[score].to_numpy()
    return scores


def ends_of_mc() -> dict[str, np.ndarray]:
    """Read the 10 and 90 % quantiles of the alphas at the end of five runs of MC, by seed."""
    method, options = RULES["ASLP (MC)"]
    runs = recorded.runs("techniques_shapes", "test", method, "none", **options)
    runs = runs.sort_values("seed")
    return {f"{q} % quantile of alpha": runs[f"alpha_p{q}"].to_numpy() for q in (10, 90)}


def alphas_of_mc() -> tuple[range, np.ndarray, np.ndarray]:
    """Read the recorded epochs of a run of MC, its (epochs, images) alphas and MC's bound."""
    log = recorded.load_log("aslp_mc")
    # A bound is set by the last validation before the epoch.
    accuracy = [log[epoch - 2]["accuracy"] for epoch in epochs.EPOCHS]
    return epochs.EPOCHS, epochs.levels("aslp_mc"), 1 - np.array(accuracy, float)
