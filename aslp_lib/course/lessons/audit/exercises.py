"""Exercises: the judge who can undo a dose, and a fair comparison."""

import numpy as np
import torch

from aslp_lib.course.exercises import Array, exercise, read_only
from aslp_lib.recalibration.unperturb import undone_logits


def _logits(f: Array, d: float) -> Array:
    return undone_logits(torch.logit(torch.tensor(f)), d).numpy()


def _nll(z: Array, y: Array) -> float:
    return float(np.logaddexp(0, (1 - 2 * y) * z).mean())


def _undone_last(f: Array, y: Array, d: float, T: float) -> float:
    return _nll(_logits(1 / (1 + np.exp(-_logits(f, 0) / T)), d), y)


_PIXELS = read_only([0.3, 0.72, 0.6, 0.27, 0.7], [0, 1, 0, 0, 1])

JUDGE = exercise(
    "audit/judge",
    right=lambda f, y, d, T: _nll(_logits(f, d) / T, y),
    expects="a number of nats per pixel, such as 0.4",
    mistakes={
        "only T": lambda f, y, d, T: _nll(_logits(f, 0) / T, y),
        "only d": lambda f, y, d, T: _nll(_logits(f, d), y),
        "order": _undone_last,
        "times T": lambda f, y, d, T: _nll(_logits(f, d) * T, y),
        "sum": lambda f, y, d, T: len(f) * _nll(_logits(f, d) / T, y),
    },
    grid=((*_PIXELS, 0.5, 1.5), (*_PIXELS, 0.24, 1.2), (*_PIXELS, 0.0, 2.0)),
)

FAIR_JUDGE = exercise(
    "audit/fair_judge",
    right=lambda: 4,
    expects="the number of a design, 1 to 5",
    mistakes={"trained": 1, "temperature": 2, "undone": 3, "lowest": 5},
)

EXERCISES = (JUDGE, FAIR_JUDGE)
