"""Exercises: an equal premium, and when it pays."""

import numpy as np

from aslp_lib.course.exercises import Array, exercise, read_only


def _nearest(home: Array, away: Array, its_home: float, its_away: float) -> float:
    return its_away - away[np.abs(home - its_home).argmin()]


_CURVE = read_only([0.2, 0.21, 0.24, 0.3], [0.5, 0.44, 0.4, 0.43])

PREMIUM = exercise(
    "insurance/premium",
    right=lambda home, away, its_home, its_away: its_away - np.interp(its_home, home, away),
    expects="a difference in nats, such as 0.02",
    mistakes={
        "fitted": lambda home, away, its_home, its_away: its_away - away[0],
        "sign": lambda home, away, its_home, its_away: np.interp(its_home, home, away) - its_away,
        "nearest": _nearest,
        "last": lambda home, away, its_home, its_away: its_away - away[-1],
    },
    grid=((*_CURVE, 0.23, 0.45), (*_CURVE, 0.208, 0.4), (*_CURVE, 0.28, 0.5)),
)

BREAK_EVEN = exercise(
    "insurance/break_even",
    right=lambda: 0.02 / (0.02 + 0.06),
    expects="a share between 0 and 1",
    mistakes={"ratio": 0.02 / 0.06, "familiar": 0.75, "inverse": 3},
)

EXERCISES = (PREMIUM, BREAK_EVEN)
