"""Exercise: the error of each class as a share of its area."""

from collections.abc import Callable

import numpy as np

from aslp_lib.course.exercises import Array, exercise, read_only


def _pixels(seed: int, sharpness: tuple[float, ...]) -> tuple[Array, Array]:
    """Draw probabilities and classes of pixels; no probability is 0 or at an edge of a bin."""
    rng = np.random.default_rng(seed)
    p = 0.96 * rng.dirichlet(sharpness, 300) + 0.01
    p = np.floor(4335 * p) / 4335  # grey levels, at which the library counts
    p[:, 0] += 1 - p.sum(axis=1)
    truth = (p**0.6).cumsum(axis=1)
    y = (rng.random((300, 1)) * truth[:, -1:] > truth).sum(axis=1)
    return p, y


def _of_library(p: Array, y: Array) -> Array:
    """Compute the class-wise ECE of each class, divided by the frequency of the class."""
    import torch

    from aslp_lib.metrics import ClassCounts, calibration

    labels = torch.from_numpy(y.astype(np.int64))
    counts = ClassCounts.from_probabilities(torch.from_numpy(p.copy()).T[None], labels[None])
    errors = [calibration.ece(counts, of=k) for k in range(counts.classes)]
    return np.array(errors) / np.bincount(labels) * len(y)


def _ece(p: Array, outcome: Array) -> float:
    index = np.ceil(10 * p).astype(int)
    return float(abs(np.bincount(index, p - outcome)).sum() / len(p))


def _per_class(error: Callable[[Array, Array, Array], float], p: Array, y: Array) -> Array:
    """Apply a function of (p of the class, outcome, whether it is predicted) to each class."""
    predicted = p.argmax(axis=1)
    return np.array([error(p[:, k], y == k, predicted == k) for k in range(p.shape[1])])


SHARES = exercise(
    "more_classes/shares",
    grid=tuple(read_only(*_pixels(*case)) for case in ((0, (1, 0.5, 0.2)), (1, (2, 1, 1, 0.4)))),
    right=_of_library,
    tolerance=0.002,
    expects="one number of 0 or more for each class, such as [0.1, 0.8]",
    mistakes={
        "plain": lambda p, y: _per_class(lambda q, right, _: _ece(q, right), p, y),
        "promised": lambda p, y: _per_class(lambda q, right, _: _ece(q, right) / q.mean(), p, y),
        "predicted pixels": lambda p, y: _per_class(
            lambda q, right, own: _ece(q[own], right[own]) / right.mean(), p, y
        ),
        "area": lambda p, y: _per_class(
            lambda q, right, _: abs(q.mean() - right.mean()) / right.mean(), p, y
        ),
        "top label": lambda p, y: (
            _ece(p.max(axis=1), p.argmax(axis=1) == y) / np.bincount(y.astype(int)) * len(y)
        ),
    },
)

EXERCISES = (SHARES,)
