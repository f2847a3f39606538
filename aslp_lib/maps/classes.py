"""Maps of several classes, which hold the probabilities or logits of all; and names of classes."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from aslp_lib.checks import require, require_predictions
from aslp_lib.maps.read import IGNORED
from aslp_lib.metrics.classes import SUM_TOLERANCE


def class_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes that are given by their names or by their number.

    >>> class_names(["3"]), class_names(["sky", "tree"]), class_names([])
    (('0', '1', '2'), ('sky', 'tree'), ())

    Raises:
        ValueError: there are fewer than 2 or more than 255 classes, or names are equal.
    """
    by_number = len(names) == 1 and names[0].isdecimal()
    # Four digits suffice to see that a number is too large.
    all_names = tuple(map(str, range(int(names[0][:4])))) if by_number else tuple(names)
    valid = not names or 2 <= len(set(all_names)) == len(all_names) <= IGNORED
    require("classes", tuple(names), valid, f"2 to {IGNORED} different names, or their number")
    return all_names


def require_class_values(values: np.ndarray, *, logits: bool = False) -> None:
    """Raise ValueError unless the values of pixels, (K, pixels), are probabilities, or logits.

    >>> require_class_values(np.float32([[0.5], [1]]))
    Traceback (most recent call last):
    ValueError: the sum of a pixel's values is 1.5; expected 1: the probabilities of a softmax add \
up to 1, those of a sigmoid do not. Logits need --logits.
    """
    if not values.size:
        return
    require_predictions("the map", values, logits=logits)
    totals = values.sum(axis=0, dtype=np.float64)
    total = round(totals[np.abs(totals - 1).argmax()].item(), 6)
    valid = abs(total - 1) <= SUM_TOLERANCE
    expected = (
        "1: the probabilities of a softmax add up to 1, those of a sigmoid do not. Logits need "
        "--logits."
    )
    if logits:
        valid = not valid or values.min() < 0
        expected = "that of logits. Probabilities, which add up to 1, need no --logits."
    require("the sum of a pixel's values", total, valid, expected)


def against_rest(
    values: np.ndarray, labels: np.ndarray, number: int, *, logits: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the map and the mask of one class against the rest.

    >>> values, labels = np.log(np.float64([[0.5], [0.3], [0.2]])), np.uint8([1])
    >>> odds, is_class = against_rest(values, labels, 1, logits=True)
    >>> np.exp(odds).round(2), is_class  # 0.3 / 0.7
    (array([0.43]), array([1], dtype=uint8))

    Args:
        values: probabilities or logits of K classes, (K, ...).
        labels: class of each pixel, (...), or `IGNORED`.
        number: number k of the class.
        logits: the values are logits.

    Returns:
        Probabilities p of the class, or log-odds `log p - log(1 - p)`; and labels, 0 or 1, or
        `IGNORED`.
    """
    of_class = values[number]
    if logits:
        others = (values[k].astype(np.float64) for k in range(len(values)) if k != number)
        with np.errstate(invalid="ignore"):  # of pixels to ignore
            of_class = of_class - reduce(np.logaddexp, others)
    return of_class, np.where(labels == IGNORED, labels, labels == number).astype(np.uint8)
