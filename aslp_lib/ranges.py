"""Ranges of numbers as marks of annotations, which `checks.check_types` reads.

>>> from aslp_lib.checks import fits
>>> fits(1.0, Share), fits(1.5, Share)
(True, False)
"""

import math
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, kw_only=True)
class Range:
    """Mark of a number in an annotation: the ends between which the number lies.

    >>> str(Range(at_least=0, below=1))
    'of at least 0 and below 1'
    >>> 0 in Range(at_least=0), 0 in Range(above=0)
    (True, False)
    """

    at_least: float = -math.inf
    above: float = -math.inf
    at_most: float = math.inf
    below: float = math.inf

    def __contains__(self, number: float) -> bool:
        return self.at_least <= number <= self.at_most and self.above < number < self.below

    def __str__(self) -> str:
        ends = zip(("of at least", "above", "at most", "below"), vars(self).values(), strict=True)
        return " and ".join(f"{words} {end:g}" for words, end in ends if math.isfinite(end))


Share = Annotated[float, Range(at_least=0, at_most=1)]
PositiveFloat = Annotated[float, Range(above=0)]
NonNegativeFloat = Annotated[float, Range(at_least=0)]
PositiveInt = Annotated[int, Range(at_least=1)]
NonNegativeInt = Annotated[int, Range(at_least=0)]
