"""Explorer of the simulated feedback loop that updates the perturbation levels."""

from typing import Any

import numpy as np

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.course.live import Explorer, packed
from aslp_lib.course.simulation import Population

POPULATION = Population(images=200)
EPOCHS = 60
START: dict[str, Any] = {
    "rule": "aslp_mc",
    "dynamics": "release",
    "step": 0.002,
    "weight": 2000,
    "beta": 2.0,
}


class Feedback(Explorer):
    """Explorer whose controls are rule, dynamics, eta, lambda and beta of a simulated loop."""

    def __init__(self) -> None:
        alphas = AdaptiveAlpha(POPULATION.images, HARD_INVERSION, START["rule"])
        margins = POPULATION.margins.numpy()
        records = {
            "margins": packed(margins),
            "noise": packed(POPULATION.noise(EPOCHS).numpy()),
            "image": int(np.argsort(margins)[(len(margins) - 1) // 2]),  # of median margin
            "rate": POPULATION.rate,
            "accuracy": POPULATION.accuracy,
            "cost": POPULATION.cost,
            "warmUp": alphas.warm_up,
            "gain": alphas.rule.bound_gain,
        }
        super().__init__(records, START)
