"""Exercise: the error of each class as a share of its area."""

from collections.abc import Callable

import numpy as np

from aslp_lib.course.exercises import Array, Exercise, read_only

_BINS = 10


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
    index = np.ceil(_BINS * p).astype(int)
    return float(abs(np.bincount(index, p - outcome)).sum() / len(p))


def _per_class(error: Callable[[Array, Array, Array], float], p: Array, y: Array) -> Array:
    """Apply a function of (p of the class, outcome, whether it is predicted) to each class."""
    predicted = p.argmax(axis=1)
    return np.array([error(p[:, k], y == k, predicted == k) for k in range(p.shape[1])])


SHARES = Exercise(
    name="more_classes/shares",
    title="the error of each class as a share of its area",
    question="""
`p` holds the probabilities of N pixels, shape (N, K), and `y` their classes 0, 1, ..., K - 1, shape
(N,). **Write the function that returns, for each class, its class-wise ECE divided by its
frequency, shape (K,).** Use ten bins of equal width, (0, 0.1], (0.1, 0.2] and so on. The arguments
are numpy arrays, every class occurs, and no probability is 0 or on the edge of a bin.
""",
    grid=tuple(read_only(*_pixels(*case)) for case in ((0, (1, 0.5, 0.2)), (1, (2, 1, 1, 0.4)))),
    right=_of_library,
    tolerance=0.002,
    expects="one number of 0 or more for each class, such as [0.1, 0.8]",
    mistakes={
        "That is the class-wise ECE. Divide it by the frequency of the class.": lambda p, y: (
            _per_class(lambda q, right, _: _ece(q, right), p, y)
        ),
        "You divided by the mean probability, which is the area that is promised. Divide by the "
        "frequency of the label.": lambda p, y: _per_class(
            lambda q, right, _: _ece(q, right) / q.mean(), p, y
        ),
        "You used only the pixels that are predicted as the class. Every pixel promises something "
        "about every class.": lambda p, y: _per_class(
            lambda q, right, own: _ece(q[own], right[own]) / right.mean(), p, y
        ),
        "That is the error of the area: you subtracted the means over all pixels, in which errors "
        "of different bins cancel.": lambda p, y: _per_class(
            lambda q, right, _: abs(q.mean() - right.mean()) / right.mean(), p, y
        ),
        "That is the top-label ECE divided by each frequency. The promise of class k is "
        "p[:, k].": lambda p, y: (
            _ece(p.max(axis=1), p.argmax(axis=1) == y) / np.bincount(y.astype(int)) * len(y)
        ),
    },
    hint="For class k, the promise is p[:, k] and the outcome is y == k, at all pixels. Sum up "
    "promise minus outcome in each bin, and add the absolute values of these sums.",
    why="The class-wise ECE counts errors over all pixels, so that a rare class has a small one. "
    "Only the share shows whether the probability of the class means anything.",
    solution="""
import numpy as np


def answer(p, y):
    shares = []
    for k in range(p.shape[1]):
        outcome = y == k
        bins = np.ceil(10 * p[:, k]).astype(int)
        gaps = np.bincount(bins, p[:, k] - outcome)  # summed in each bin
        shares.append(abs(gaps).sum() / outcome.sum())
    return np.array(shares)
""",
)

EXERCISES = (SHARES,)
