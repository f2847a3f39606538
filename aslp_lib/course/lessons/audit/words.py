"""The trial in words: names of its methods."""

from collections.abc import Mapping

NAMES: Mapping[str, str] = {
    "B": "BCE",
    "B_ES": "early stopping",
    "L": "label smoothing (same dose)",
    "C": "constant alpha",
    "C_ES": "constant alpha with early stopping",
    "M": "ASLP (MC)",
    "R": "ASLP at its mean alpha",
    "N": "forward correction",
}
"""Letter of a method in the records -> its name."""


def in_words(label: str) -> str:
    """Write a contrast with the names of its methods.

    >>> in_words("C - L")
    'constant alpha against label smoothing (same dose)'
    """
    first, second = label.split(" - ")
    return f"{NAMES[first]} against {NAMES[second]}"
