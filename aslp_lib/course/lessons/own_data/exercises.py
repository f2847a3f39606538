"""Exercise: a promise by patient."""

from typing import Any

import numpy as np

from aslp_lib.course.exercises import Array, exercise, read_only
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.risk_control import risk_control_threshold


def _patients(images: list[int], seed: int, risk: float) -> tuple[Any, ...]:
    """Draw missed shares of patients who differ in difficulty and in their number of images."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(len(images)), images)
    pace = rng.gamma(2, 0.002, len(images))[patients] + 0.004 * (patients == len(images) - 1)
    steps = pace[:, None] * rng.uniform(0.5, 1.5, (len(patients), 60))
    shares = np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0))).clip(0, 1)
    return (*read_only(shares, patients), risk)


_STUDIES = (
    _patients([1] * 8 + [2] * 3 + [24], 0, 0.2),
    _patients([3] * 20 + [1] * 5 + [30], 1, 0.1),
)


def _largest(means: Array, risk: float, units: int | None = None, worst: int = 1) -> int:
    """Return the largest threshold whose bound is at most `risk`; `means` has a row for a unit."""
    number = len(means) if units is None else units
    bound = (number * means.mean(axis=0) + worst) / (number + worst)
    return int(np.flatnonzero(bound <= risk)[-1])


def _by_patient(shares: Array, patients: Array) -> Array:
    return np.stack([shares[patients == p].mean(axis=0) for p in np.unique(patients)])


def _for_the_next_patient(shares: Array, patients: Array, risk: float) -> float:
    """Use the library, which counts pixels: each image has 10,000 of foreground."""
    below = np.rint(10_000 * shares[:, 1:]).astype(np.int64)
    pixels = np.diff(below, axis=1, prepend=0)
    table = np.zeros((len(shares), 2, 256), np.int64)
    table[:, 1, : pixels.shape[1]] = pixels
    table[:, 1, -1] = 10_000 - below[:, -1]
    threshold = risk_control_threshold(Counts(table, {"groups": patients.astype(int)}), risk)
    return round(255 * threshold + 0.5)


PATIENTS = exercise(
    "own_data/patients",
    right=_for_the_next_patient,
    expects="the number of a threshold, such as 3",
    mistakes={
        "images": lambda shares, patients, risk: _largest(shares, risk),
        "without the new one": lambda shares, patients, risk: _largest(
            _by_patient(shares, patients), risk, worst=0
        ),
        "pooled": lambda shares, patients, risk: _largest(
            shares, risk, units=len(np.unique(patients))
        ),
        "images in the bound": lambda shares, patients, risk: _largest(
            _by_patient(shares, patients), risk, units=len(shares)
        ),
        "smallest": lambda shares, patients, risk: 0,
    },
    grid=_STUDIES,
)

EXERCISES = (PATIENTS,)
