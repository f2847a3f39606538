"""Exercises: a learning rate, and units."""

import torch

from aslp_lib.aslp.perturbation import SOFT_INVERSION, perturb
from aslp_lib.course.exercises import exercise

_EPOCHS = 60
_TRAINED = tuple((epoch,) for epoch in (1, 10, 11, 12, 20, 21, 30, 45, _EPOCHS))


def _fraction(schedule_name: str, epoch: int) -> float:
    # Imported here, because accelerate takes longer to import than all exercises together.
    from aslp_lib.training.optimization import schedule

    return schedule(schedule_name, epoch - 1, _EPOCHS)


RATE = exercise(
    "release/rate",
    grid=_TRAINED,
    right=lambda epoch: _fraction("release", epoch),
    tolerance=1e-4,
    mistakes={
        "That is the documented schedule. The code multiplies the rate again after *every* epoch "
        "from the tenth on.": lambda epoch: _fraction("step", epoch),
        "That is one epoch off: the rate changes *after* an epoch, so epoch 10 still has the first "
        "rate.": lambda epoch: _fraction("release", epoch + 1),
        "That is a factor of 0.95 after every epoch. It is 1 before the tenth epoch, and 0.95 "
        "twice from the twentieth on.": lambda epoch: 0.95 ** (epoch - 1),
        "That is a factor of 0.95 after every epoch from the tenth on. From the twentieth on the "
        "power is 2, from the thirtieth 3.": lambda epoch: 0.95 ** max(epoch - 10, 0),
        "That is the factor of one epoch. Multiply it by the factors of all the epochs before this "
        "one.": lambda epoch: 0.95 ** (epoch // 10),
    },
)

UNITS = exercise(
    "release/units",
    right=lambda: perturb(torch.zeros(1), SOFT_INVERSION).item(),
    tolerance=0.01,
    expects="a number from 0 to 4, such as 2.0",
    mistakes={
        "That is the figure's beta. It would give targets of 1.5 and -0.5 in the code.": 1.5,
        "You doubled instead of halving: the code's number is half the figure's.": 1.5 * 2,
        "That is the target of foreground. The code's beta is the target of *background*.": 0.25,
        "You halved twice: 2.0 in the code is 4 in the figure.": 1.5 / 4,
    },
)

EXERCISES = (RATE, UNITS)
