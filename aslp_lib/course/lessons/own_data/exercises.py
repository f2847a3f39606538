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


def _largest(
    shares: Array, units: np.ndarray, risk: float, number: int | None = None, worst: int = 1
) -> int:
    """Return the largest threshold whose bound, of `number` units, is at most `risk`."""
    means = np.stack([shares[units == unit].mean(axis=0) for unit in np.unique(units)])
    number = number or len(means)
    bound = (number * means.mean(axis=0) + worst) / (number + worst)
    return int(np.flatnonzero(bound <= risk)[-1])


def _for_the_next_patient(shares: Array, patients: Array, risk: float) -> float:
    """Use the library, which counts pixels: each image has 10,000 of foreground."""
    table = np.zeros((len(shares), 2, 256), np.int64)
    table[:, 1, : shares.shape[1]] = np.diff(np.rint(10_000 * shares), axis=1, append=10_000)
    threshold = risk_control_threshold(Counts(table, {"groups": patients.astype(int)}), risk)
    return round(255 * threshold + 0.5)


PATIENTS = exercise(
    "own_data/patients",
    right=_for_the_next_patient,
    expects="the number of a threshold, such as 3",
    mistakes={
        "images": lambda s, patients, risk: _largest(s, np.arange(len(s)), risk),
        "without the new one": lambda s, patients, risk: _largest(s, patients, risk, worst=0),
        "images in the bound": lambda s, patients, risk: _largest(s, patients, risk, len(s)),
    },
    grid=_STUDIES,
)

EXERCISES = (PATIENTS,)
