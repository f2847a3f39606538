"""Exercises: a learning rate, and units."""

import torch

from aslp_lib.aslp.perturbation import SOFT_INVERSION, perturb
from aslp_lib.course.exercises import exercise

_EPOCHS = 60
_TRAINED = tuple((epoch,) for epoch in (1, 10, 11, 12, 20, 21, 30, 45, _EPOCHS))


def _fraction(schedule_name: str, epoch: int) -> float:
    # Imported here, because accelerate takes longer to import than all exercises together.
    from aslp_lib.training.optimization import SCHEDULES

    return SCHEDULES[schedule_name](epoch - 1, _EPOCHS)


RATE = exercise(
    "release/rate",
    grid=_TRAINED,
    right=lambda epoch: _fraction("release", epoch),
    tolerance=1e-4,
    mistakes={
        "documented": lambda epoch: _fraction("step", epoch),
        "one off": lambda epoch: _fraction("release", epoch + 1),
        "constant": lambda epoch: 0.95 ** (epoch - 1),
        "delayed constant": lambda epoch: 0.95 ** max(epoch - 10, 0),
        "one factor": lambda epoch: 0.95 ** (epoch // 10),
    },
)

UNITS = exercise(
    "release/units",
    right=lambda: perturb(torch.zeros(1), SOFT_INVERSION).item(),
    tolerance=0.01,
    expects="a number from 0 to 4, such as 2.0",
    mistakes={
        "figure": 1.5,
        "doubled": 1.5 * 2,
        "foreground": 0.25,
        "halved twice": 1.5 / 4,
    },
)

EXERCISES = (RATE, UNITS)
