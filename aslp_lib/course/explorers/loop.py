"""Explorer of the simulated feedback loop that updates the perturbation levels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.aslp.alphas import AdaptiveAlpha, Dynamics
from aslp_lib.aslp.perturbation import Technique
from aslp_lib.course.explorers.base import Explorer, choice, describe_gap, slider
from aslp_lib.course.lessons.adaptive_alpha.figures import feedback_loop
from aslp_lib.course.simulation import Population, Trace, simulate

POPULATION = Population(images=200)
EPOCHS = 60
RULES: dict[str, str] = {
    "calibration": "MC (model calibration)",
    "entropy": "ME (maximum entropy)",
    "measured_gap": "measured gap (an extension)",
}
DYNAMICS: dict[Dynamics, str] = {
    "release": "release (explicit step)",
    "stable": "stable (proximal step)",
}


def feedback() -> Explorer:
    """Make the explorer: rule, dynamics, eta, lambda and beta of a simulated feedback loop."""
    controls = {
        "rule": choice("rule", RULES, "calibration"),
        "dynamics": choice("dynamics", DYNAMICS, "release"),
        "step": choice("step eta", _texts(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02), 0.002),
        "weight": choice("weight lambda", _texts(20, 50, 100, 200, 500, 1000, 2000, 5000), 2000),
        "beta": slider("strength beta", 0.25, 2.0, 0.25, 2.0),
    }
    return Explorer(controls, _picture, _readout, idle=_idle, lines=5)


def _texts(*values: float) -> dict[float, str]:
    return {value: f"{value:g}" for value in values}


def _idle(rule: str, **values: object) -> tuple[str, ...]:
    """Return the controls without effect: the measured gap has no lambda, and one dynamics only."""
    return ("dynamics", "weight") if rule == "measured_gap" else ()


@lru_cache(maxsize=2)  # shared by the figure and the readout of the same values
def _trace(rule: str, dynamics: Dynamics, step: float, weight: float, beta: float) -> Trace:
    alphas = AdaptiveAlpha(
        POPULATION.images,
        Technique("own", beta),
        rule,
        alpha_step_size=step,
        constraint_weight=weight,
        dynamics="stable" if rule == "measured_gap" else dynamics,
    )
    return simulate(alphas, POPULATION, EPOCHS)


def _picture(rule: str, dynamics: Dynamics, step: float, weight: float, beta: float) -> Figure:
    return feedback_loop(_trace(rule, dynamics, step, weight, beta), RULES[rule])


def _readout(rule: str, dynamics: Dynamics, step: float, weight: float, beta: float) -> str:
    trace, gain = _trace(rule, dynamics, step, weight, beta), step * weight * beta / 2
    oscillates = rule == "calibration" and dynamics == "release" and gain >= 2
    confidence, accuracy = trace.confidence[-1], trace.accuracy[-1]
    digits = 0 if oscillates else 1
    return (
        f"eta = {step:g}, lambda = {weight:g}, beta = {beta:.2f}. "
        f"{_describe_step(rule, dynamics, gain, beta)} "
        f"{_describe_oscillation(trace) if oscillates else _describe_convergence(trace)} "
        f"Confidence {100 * confidence:.{digits}f} %, accuracy {100 * accuracy:.{digits}f} %: "
        f"{describe_gap(confidence - accuracy, digits)}."
    )


def _describe_convergence(trace: Trace) -> str:
    """Describe the alphas after the last epoch."""
    (low, high), rho = trace.spread, trace.correlation
    suffix = "" if np.isnan(rho) else f" The rank correlation of alpha and margin is {rho:z.2f}."
    return (
        f"After {EPOCHS} epochs the mean alpha is {trace.alpha[-1].mean():.3f}, the middle 80 % of "
        f"the alphas lie from {low:.3f} to {high:.3f}, and MC's bound is {trace.bound[-1]:.3f}."
        f"{suffix}"
    )


def _describe_oscillation(trace: Trace) -> str:
    """Describe oscillating alphas with fewer digits.

    The other digits depend on the last bit of a sum, which differs between machines.
    """
    return (
        f"The alphas oscillate: their mean over the last 10 epochs is "
        f"{trace.alpha[-10:].mean():.2f}, MC's bound is {trace.bound[-1]:.2f}, and the last alpha "
        "of an image says little about it."
    )


def _describe_step(rule: str, dynamics: Dynamics, gain: float, beta: float) -> str:
    """Describe what the step of these dynamics does."""
    if rule == "measured_gap":
        return "The bound follows the measured gap; lambda and the kind of step have no effect."
    if rule == "entropy":
        text = "The constraint is active only while accuracy is below its best value so far."
    elif dynamics == "stable":
        text = f"Proximal step: with fixed margins it converges at any gain, here {gain:.2f}."
    else:
        side = "above" if gain > 2 else "at" if gain == 2 else "below"
        text = f"Explicit step: the gain eta*lambda*beta/2 = {gain:.2f} is {side} the limit of 2."
    if dynamics == "release" and beta != 2:
        text += f" The release's gradient is {(2 / beta) ** 2:.1f} times the true one."
    return text
