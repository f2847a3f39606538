"""Explorer of the simulated feedback loop that updates the perturbation levels."""

from typing import Any

from matplotlib.figure import Figure

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.course.lessons.stability.figures import feedback_loop
from aslp_lib.course.live import Explorer, packed
from aslp_lib.course.simulation import Population, Trace, simulate

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
        alphas = AdaptiveAlpha(
            POPULATION.images,
            HARD_INVERSION,
            START["rule"],
            alpha_step_size=START["step"],
            constraint_weight=START["weight"],
            dynamics=START["dynamics"],
        )
        self.trace: Trace = simulate(alphas, POPULATION, EPOCHS)
        records = {
            "margins": packed(POPULATION.margins.numpy()),
            "noise": packed(POPULATION.noise(EPOCHS).numpy()),
            "image": self.trace.examples["median margin"],
            "rate": POPULATION.rate,
            "accuracy": POPULATION.accuracy,
            "cost": POPULATION.cost,
            "warmUp": alphas.warm_up,
            "gain": alphas.rule.bound_gain,
        }
        super().__init__(records, START)

    def picture(self) -> Figure:
        """Plot the first loop: its alphas, accuracy and confidence."""
        return feedback_loop(self.trace, "MC (model calibration)")
