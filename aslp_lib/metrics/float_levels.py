"""The levels of logits at which predictions in floating point are counted.

They divide the grey levels of floats. Near the probability 1/2, a grey level is one level. Towards
0 and 1, a grey level spans many logits (the last one all above 9.07), and is divided into levels of
at most 1/32. Beyond ±64, levels grow in proportion to the logit, and the last one holds all logits
above 4096. The mean logit of a level determines the NLL of its pixels to 1e-5 at every temperature.
Logits of one level count as ties in ROC and AP: those within 0.0009 near 0, and within 1/32 where a
network is certain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

GREY_LEVELS = 17 * 255 + 1
"""Number of grey levels for float probabilities, 4336; those of 8-bit maps are among them. Rounding
changes a probability by at most 1/8670."""
PER_LOGIT, PER_OCTAVE = 32, 32
"""Smallest number of levels per unit of the logit up to `EVEN`, and number of levels by which the
logit doubles from there to `LAST`."""
EVEN, LAST = 64.0, 4096.0

# The upper half of the grey levels, from 1/2; the lower half mirrors it.
_ODD = np.arange(1, GREY_LEVELS, 2)
_LOW = np.log(GREY_LEVELS - 2 + _ODD) - np.log(GREY_LEVELS - _ODD)
"""Smallest logit of each grey level."""
_NUMBER = np.ceil(np.diff(_LOW, append=EVEN) * PER_LOGIT)
"""Number of levels of each grey level, without those beyond `EVEN`."""
_DENSITY = _NUMBER / np.diff(_LOW, append=EVEN)
_FIRST = np.cumsum(_NUMBER) - _NUMBER
"""Position of each grey level's first level, counted from 1/2."""
_EVEN_LEVELS = _NUMBER.sum()
_OCTAVES = PER_OCTAVE * np.log2(LAST / EVEN)
_HALF = int(_EVEN_LEVELS + _OCTAVES + 1)
FLOAT_LEVELS = 2 * _HALF
"""Number of levels, 8480."""


@dataclass(frozen=True, eq=False)
class FloatLevels:
    """Levels with the logits of the pixels that are counted at them.

    A recalibration changes the logits and not the levels, so that ranks remain exact.

    >>> levels = FloatLevels(np.array([[-1.0, 2.0, 2.0], [-1.0, 2.0, 2.0]]), recalibrated=True)
    >>> levels.ranked(np.array([[5, 2, 1], [0, 1, 7]]))  # the second and the third are tied
    array([[5, 3],
           [0, 8]])

    Args:
        logits: mean logit of the background and of the foreground pixels of each level, shape
            (2, K).
        recalibrated: the logits are no longer those of the levels. Otherwise, pixels keep the grey
            levels of their probabilities: in half precision, 1 is the highest, although it stands
            for a logit of 8.3.
    """

    logits: NDArray[np.float64]
    recalibrated: bool = False

    @cached_property
    def losses(self) -> NDArray[np.float64]:
        """NLL of the background and the foreground pixels of each level, (2, K)."""
        return np.logaddexp(0, [[1.0], [-1.0]] * self.logits)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Probability of the background and the foreground pixels of each level, (2, K)."""
        from scipy.special import expit

        return np.asarray(expit(self.logits))

    @cached_property
    def _grey(self) -> list[_Sums]:
        """Sums over the levels of each grey level, for either label."""
        if not self.recalibrated:
            return [_Sums(GREY_OF_LEVEL, GREY_LEVELS)] * 2
        pairs = zip(self.probabilities, self.logits, strict=True)
        return [_Sums(nearest_grey(p, z), GREY_LEVELS) for p, z in pairs]

    @cached_property
    def _ranks(self) -> _Sums:
        """Sums over the levels of equal logits, in their order."""
        values, rank = np.unique(self.logits.mean(axis=0), return_inverse=True)
        return _Sums(rank, len(values))

    def to_grey(self, table: NDArray[Any]) -> NDArray[Any]:
        """Add up the levels of each grey level: (..., 2, K) to (..., 2, GREY_LEVELS)."""
        return np.stack([s(table[..., label, :]) for label, s in enumerate(self._grey)], axis=-2)

    def ranked(self, table: NDArray[Any]) -> NDArray[Any]:
        """Arrange the levels by their logits, and add up those with equal ones."""
        return self._ranks(table)


class _Sums:
    """Sums over the columns of tables that have the same place.

    Args:
        place: place of each column.
        places: number of places.
    """

    def __init__(self, place: NDArray[np.int64], places: int) -> None:
        self.order = np.argsort(place, kind="stable")
        self.start = np.flatnonzero(np.diff(place[self.order], prepend=-1))
        self.filled, self.places = place[self.order][self.start], places
        self.ordered = bool((np.diff(place) >= 0).all())

    def __call__(self, table: NDArray[Any]) -> NDArray[Any]:
        columns = table if self.ordered else table[..., self.order]
        sums: NDArray[Any] = np.add.reduceat(columns, self.start, axis=-1)
        if len(self.filled) == self.places:
            return sums
        total = np.zeros((*table.shape[:-1], self.places), table.dtype)
        total[..., self.filled] = sums
        return total


def finite_logits(probabilities: Any) -> Any:
    """Compute the logits of probabilities in floating point, as an array or tensor in float64.

    Probabilities of 0 and 1 stand for half of the smallest distance from them that their data type
    can distinguish, as one wrong pixel of probability 0 or 1 would otherwise make the NLL infinite.

    >>> finite_logits(np.float32([0.0, 0.8, 1.0])).round(2)
    array([-103.97,    1.39,   17.33])
    """
    xp = array_module(probabilities)
    info = xp.finfo(probabilities.dtype)
    # In float64, half of the smallest number is 0, but its logarithm is a number.
    nearest_0 = math.log(info.smallest_normal * info.eps) - math.log(2)
    nearest_1 = math.log(info.eps) - 2 * math.log(2)
    p = xp.asarray(probabilities, dtype=xp.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return xp.log(p).clip(nearest_0) - xp.log1p(-p).clip(nearest_1)


def nearest_grey(probabilities: Any, logits: Any) -> Any:
    """Return the nearest of `GREY_LEVELS` grey levels, on the side of 1/2 that the logit is on.

    >>> nearest_grey(np.array([0.5, 0.5]), np.array([-1e-20, 0.0]))
    array([2167, 2168])
    """
    xp, half = array_module(logits), GREY_LEVELS // 2
    grey = xp.asarray(xp.round(probabilities * (GREY_LEVELS - 1)), dtype=xp.int64)
    return xp.where((logits < 0) & (grey == half), half - 1, grey)


def level_of(grey: Any, logits: Any) -> Any:
    """Return the level of each pixel, in ascending order of the logits.

    >>> level_of(np.array([2167, 2168, 4335]), np.array([-1e-20, 0.0, 5000.0]))
    array([4239, 4240, 8479])

    Args:
        grey: grey level of each pixel, see `nearest_grey`; an array or tensor.
        logits: its finite logit in float64, on the same device.

    Returns:
        Levels in int64, of the shape of the logits.
    """
    xp, half = array_module(logits), GREY_LEVELS // 2
    above = xp.where(grey >= half, grey - half, half - 1 - grey)
    first, last, density, start = (
        xp.asarray(table, device=logits.device)[above]
        for table in (_FIRST, _FIRST + _NUMBER - 1, _DENSITY, _FIRST - _LOW * _DENSITY)
    )
    size = abs(logits)
    level = xp.minimum(xp.maximum(xp.floor(size * density + start), first), last)
    if bool((size >= EVEN).any()):
        octaves = xp.floor(PER_OCTAVE * xp.log2(size.clip(EVEN) / EVEN)).clip(0, _OCTAVES)
        level = xp.where(size < EVEN, level, _EVEN_LEVELS + octaves)
    return xp.asarray(xp.where(grey >= half, _HALF + level, _HALF - 1 - level), dtype=xp.int64)


def mean_logits(total: NDArray[np.float64], pixels: NDArray[Any]) -> FloatLevels:
    """Return the levels with their mean logits, or with their centres where there are no pixels.

    Args:
        total: sum of the logits of each label and level, shape (2, FLOAT_LEVELS).
        pixels: number of pixels, of the same shape.
    """
    filled = pixels > 0
    return FloatLevels(np.where(filled, total / np.where(filled, pixels, 1), CENTRES))


def joined_levels(parts: Sequence[tuple[FloatLevels, NDArray[Any]]]) -> FloatLevels:
    """Return the levels of joined sets, whose logits are means over the pixels of all sets.

    Args:
        parts: levels of each set, and its pixels of each label and level, shape (2, K).

    Raises:
        ValueError: if the sets were recalibrated one by one. Then a level has several meanings.
    """
    first = parts[0][0]
    if all(levels is first for levels, _ in parts):
        return first
    if any(levels.recalibrated for levels, _ in parts):
        raise ValueError(
            "the sets were recalibrated one by one; expected sets that were not, or parts of one "
            "that was. Join them before they are recalibrated."
        )
    total, pixels = np.zeros(first.logits.shape), np.zeros(first.logits.shape)
    for levels, counted in parts:
        total += counted * levels.logits
        pixels += counted
    return mean_logits(total, pixels)


_GREY = np.repeat(np.arange(len(_NUMBER)), _NUMBER.astype(int))
_GREY = np.append(_GREY, np.full(_HALF - len(_GREY), len(_NUMBER) - 1))
GREY_OF_LEVEL = np.concatenate([len(_NUMBER) - 1 - _GREY[::-1], len(_NUMBER) + _GREY])
"""Grey level of each level, shape (FLOAT_LEVELS,)."""
_EVEN = _GREY[: int(_EVEN_LEVELS)]
_EDGES = np.concatenate(
    [
        (_LOW[_EVEN] + (np.arange(len(_EVEN)) - _FIRST[_EVEN]) / _DENSITY[_EVEN])[1:],
        EVEN * 2 ** (np.arange(_OCTAVES + 1) / PER_OCTAVE),
    ]
)
EDGES = np.concatenate([-_EDGES[::-1], [-1e-30], _EDGES])
"""Logits between the levels, shape (FLOAT_LEVELS - 1,); the logit 0 is foreground."""
CENTRES = np.concatenate([[-LAST], (EDGES[:-1] + EDGES[1:]) / 2, [LAST]])
"""Centre of each level, shape (FLOAT_LEVELS,)."""


def array_module(values: Any) -> Any:
    """Return NumPy for an array, and PyTorch for a tensor."""
    if isinstance(values, np.ndarray):
        return np
    import torch  # only here, since importing it takes longer than counting 1,000 maps

    return torch
