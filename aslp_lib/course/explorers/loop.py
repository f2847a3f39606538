"""Explorer: the feedback loop that moves the levels, simulated."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.aslp.alphas import AdaptiveAlpha, Dynamics
from aslp_lib.aslp.perturbation import Technique
from aslp_lib.course import figures
from aslp_lib.course.explorers.base import Explorer, choice, confidence_slider, slider
from aslp_lib.course.models.simulation import Population, Trace, simulate

POPULATION = Population(images=200)
EPOCHS = 60
RULES: dict[str, str] = {
    "calibration": "MC, calibration",
    "entropy": "ME, entropy",
    "measured_gap": "measured gap (an extension)",
}
DYNAMICS: dict[Dynamics, str] = {
    "release": "release (explicit step)",
    "stable": "stable (implicit step)",
}


def feedback() -> Explorer:
    """Rule, dynamics, step eta, weight lambda and strength beta of a simulated feedback loop."""
    controls = {
        "rule": choice("rule", RULES, "calibration"),
        "dynamics": choice("dynamics", DYNAMICS, "release"),
        "step": choice("step eta", _named(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02), 0.002),
        "weight": choice("weight lambda", _named(20, 50, 100, 200, 500, 1000, 2000, 5000), 2000),
        "beta": slider("strength beta", 0.25, 2.0, 0.25, 2.0),
    }
    return Explorer(controls, _picture, _readout, idle=_idle, lines=5)


def _named(*values: float) -> dict[float, str]:
    return {value: f"{value:g}" for value in values}


def _idle(rule: str, **values: object) -> tuple[str, ...]:
    """The measured gap's bound needs no weight, and has one dynamics."""
    return ("dynamics", "weight") if rule == "measured_gap" else ()


@lru_cache(maxsize=2)  # the picture and the readout of the same values
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
    trace = _trace(rule, dynamics, step, weight, beta)
    return figures.feedback_loop(
        trace.alpha, trace.margins, trace.bound, trace.accuracy, trace.confidence, RULES[rule]
    )


def _readout(rule: str, dynamics: Dynamics, step: float, weight: float, beta: float) -> str:
    trace, gain = _trace(rule, dynamics, step, weight, beta), step * weight * beta / 2
    swings = rule == "calibration" and dynamics == "release" and gain >= 2
    return (
        f"eta = {step:g}, lambda = {weight:g}, beta = {beta:.2f}. "
        f"{_about_the_step(rule, dynamics, gain, beta)} "
        f"{_in_chaos(trace) if swings else _at_rest(trace)}."
    )


def _at_rest(trace: Trace) -> str:
    (low, high), order = trace.spread, trace.correlation
    ordered = "" if np.isnan(order) else f" Rank correlation with the own margins: {order:z.2f}."
    return (
        f"After {EPOCHS} epochs the mean level is {trace.alpha[-1].mean():.3f}, 10 % to 90 % of "
        f"the images from {low:.3f} to {high:.3f}; the target's confidence would meet accuracy at "
        f"{trace.bound[-1]:.3f}.{ordered} From epoch 11 on a level fell by a fifth or more "
        f"{_drops(trace):.1f} times an image. Confidence {100 * trace.confidence[-1]:.1f} %, "
        f"accuracy {100 * trace.accuracy[-1]:.1f} %: "
        f"{confidence_slider(trace.confidence[-1] - trace.accuracy[-1])}"
    )


def _in_chaos(trace: Trace) -> str:
    """Fewer digits: the last bit of a sum decides the others, another one on each machine."""
    fell = "several times" if _drops(trace) > 2 else "at most now and then"
    return (
        f"In the last 10 epochs the mean level is {trace.alpha[-10:].mean():.2f}; the target's "
        f"confidence would meet accuracy at {trace.bound[-1]:.2f}. From epoch 11 on a level fell "
        f"by a fifth or more {fell}, and which image has a large one is chance. Confidence "
        f"{100 * trace.confidence[-1]:.0f} %, accuracy {100 * trace.accuracy[-1]:.0f} %: "
        f"{confidence_slider(trace.confidence[-1] - trace.accuracy[-1], digits=0)}"
    )


def _drops(trace: Trace) -> float:
    """Falls by a fifth or more after epoch 10, on average over the images."""
    return trace.drops[10:].sum(axis=0).mean()


def _about_the_step(rule: str, dynamics: Dynamics, gain: float, beta: float) -> str:
    if rule == "measured_gap":
        return "The bound follows the measured gap; lambda and the release have no part in it."
    if rule == "entropy":
        words = "Levels give way only while accuracy is under its best so far."
    elif dynamics == "stable":
        words = f"Implicit step: settles at any gain, here eta*lambda*beta/2 = {gain:.2f}."
    else:
        limit = "over" if gain > 2 else "at" if gain == 2 else "under"
        words = f"Explicit step: its gain eta*lambda*beta/2 = {gain:.2f} is {limit} the limit of 2."
    if dynamics == "release" and beta != 2:
        words += f" The release's gradient is {(2 / beta) ** 2:.1f} times the true one."
    return words
