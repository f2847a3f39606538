"""The trial in words: names of its methods."""

from collections.abc import Mapping

NAMES: Mapping[str, str] = {
    "B": "BCE",
    "B_ES": "early-stopped BCE",
    "L": "label smoothing, same dose",
    "C": "constant alpha",
    "C_ES": "early-stopped constant alpha",
    "M": "ASLP (MC)",
    "R": "ASLP with one alpha, the mean",
    "N": "constant alpha, corrected within the loss",
}
"""Letter of a method in the records -> its name."""


def in_words(label: str) -> str:
    """Write a contrast with the names of its methods.

    >>> in_words("C - L")
    'constant alpha − label smoothing, same dose'
    """
    first, second = label.split(" - ")
    return f"{NAMES[first]} − {NAMES[second]}"
