"""Exercises: a learning rate, and units."""

import torch

from aslp_lib.aslp.perturbation import SOFT_INVERSION, perturb
from aslp_lib.course.exercises import Exercise

_EPOCHS = 60
_TRAINED = tuple((epoch,) for epoch in (1, 10, 11, 12, 20, 21, 30, 45, _EPOCHS))


def _fraction(schedule_name: str, epoch: int) -> float:
    # Imported here, because accelerate takes longer to import than all exercises together.
    from aslp_lib.training.optimization import schedule

    return schedule(schedule_name, epoch - 1, _EPOCHS)


RATE = Exercise(
    name="release/rate",
    title="the learning rate of an epoch",
    question="""
After every epoch, counted from 1, the released code multiplies the *current* learning rate by
`0.95 ** (epoch // 10)`. **Write a function that returns the learning rate of epoch number `epoch`
as a fraction of the learning rate of epoch 1.** It is compared with the library's schedule
`release`.
""",
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
    hint="Multiply the factors of all epochs before this one: a loop over range(1, epoch).",
    why="The exponents add up: 0.95 to the power of the sum of e // 10 over all epochs e before.",
    solution="""
def answer(epoch):
    fraction = 1.0
    for previous in range(1, epoch):
        fraction *= 0.95 ** (previous // 10)
    return fraction
""",
    alternative="""
# The exponents add up.
def answer(epoch):
    return 0.95 ** sum(previous // 10 for previous in range(1, epoch))
""",
)

UNITS = Exercise(
    name="release/units",
    title="a number for the command line",
    question="""
You want to train with soft inversion, using the *released code*: targets of 0.75 on background and
0.25 on foreground. The default of the code, `--beta 2.0`, corresponds to 4 in the units of the
paper's figure. **Which number do you pass as `--beta`?**
""",
    right=lambda: perturb(torch.zeros(1), SOFT_INVERSION).item(),
    tolerance=0.01,
    expects="a number from 0 to 4, such as 2.0",
    mistakes={
        "That is the figure's beta. It would give targets of 1.5 and -0.5 in the code.": 1.5,
        "You doubled instead of halving: the code's number is half the figure's.": 1.5 * 2,
        "That is the target of foreground. The code's beta is the target of *background*.": 0.25,
        "You halved twice: 2.0 in the code is 4 in the figure.": 1.5 / 4,
    },
    hint="Soft inversion has beta = 1.5 in the figure's units. What is that in the code's units?",
    why="The code's beta is half the figure's, which is the perturbed target of background: 0.75.",
    solution="answer = 1.5 / 2",
)

EXERCISES = (RATE, UNITS)
