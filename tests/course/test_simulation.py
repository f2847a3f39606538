"""The simulated loop shows what the method's equations say, on levels moved by the real class."""

import numpy as np
import pytest
from scipy.special import expit

from aslp_lib import HARD_INVERSION, MODERATION, SOFT_INVERSION, AdaptiveAlpha
from aslp_lib.course.simulation import Population, simulate

QUIET = Population(images=300, response=0.0, flicker=0.0, cost=0.0, rate=1.0)
"""Margins that stand still from the first epoch on, and so does accuracy."""


def run(population, technique=HARD_INVERSION, epochs=60, **arguments):
    alphas = AdaptiveAlpha(population.images, technique, **arguments)
    return simulate(alphas, population, epochs)


@pytest.mark.usefixtures("double")
def test_the_loop_is_the_stated_one():
    """The four statements and the explicit update, written again in numpy."""
    population = Population(images=5, flicker=0.0, accuracy=0.9, cost=0.3, response=0.7, rate=0.4)
    options = {"dynamics": "release", "alpha_step_size": 0.004, "constraint_weight": 400.0}
    trace = run(population, SOFT_INVERSION, epochs=40, **options)
    beta, pi = 1.5, expit(trace.margins)
    alpha, z, accuracy = np.zeros(5), np.zeros(5), None
    for epoch in range(40):
        strength = 0.7 * alpha * beta
        f = (1 - strength) * pi + strength / 2
        z = z + 0.4 * (np.log(f / (1 - f)) - z)
        if epoch >= 5:
            gradient = beta / 2 * z / (beta / 2) ** 2
            give_way = np.minimum(1 - beta / 2 * alpha - accuracy, 0)
            alpha = np.maximum(alpha + 0.004 * (gradient + 400 * give_way), 0)
        learned = 1 - 0.6 ** (epoch + 1)
        accuracy = 0.5 + 0.4 * learned - 0.3 * (beta * alpha.mean()) ** 2
        np.testing.assert_allclose(trace.alpha[epoch], alpha, atol=1e-9)
        np.testing.assert_allclose(trace.gradient[epoch], beta / 2 * z, atol=1e-9)
        assert trace.accuracy[epoch] == pytest.approx(accuracy, abs=1e-9)
        assert trace.confidence[epoch] == pytest.approx(expit(np.abs(z)).mean(), abs=1e-9)
    np.testing.assert_allclose(trace.bound, 2 * (1 - trace.accuracy) / beta)


@pytest.mark.claim(
    "release",
    "The authors' step of alpha oscillates at their settings",
    "stability: How long may a step be?",
)
@pytest.mark.parametrize("response", [0.0, 1.0])
def test_the_explicit_step_oscillates_at_a_gain_of_4_and_the_stable_step_does_not(response):
    """An alpha rises by eta * grad and falls by up to (gain - 1) times as much."""
    population = Population(response=response)
    for dynamics, oscillates in (("release", True), ("stable", False)):
        trace = run(population, dynamics=dynamics)
        moves = np.abs(np.diff(trace.alpha[30:], axis=0)).mean()
        assert (moves > 0.5 * 0.002 * trace.gradient[30:].mean()) == oscillates


@pytest.mark.claim(
    "levels",
    "With the stable step and margins that ignore alpha, alphas at the fixed point are "
    "ranked by the margins",
    "stability: Why does so little noise matter?",
    numbers="simulation: rank correlation with the margin 0.98",
)
@pytest.mark.claim(
    "photographs",
    "With the release's step, alphas at the bound are not ranked by the margins",
    "stability: Which images get a small alpha?",
    numbers="simulation: rank correlation with the margin under 0.1",
)
def test_which_images_get_a_large_alpha_is_decided_by_the_step():
    ignoring = Population(response=0.0)
    for epochs in (30, 31, 32, 60):
        for population in (ignoring, Population()):
            assert abs(run(population, dynamics="release", epochs=epochs).correlation) < 0.2
        assert run(ignoring, epochs=epochs).correlation > 0.9


@pytest.mark.claim(
    "levels",
    "With a soft constraint, alpha exceeds its bound by 2 grad / (beta lambda)",
    "stability: What does lambda trade?",
)
@pytest.mark.slow
@pytest.mark.parametrize("technique", [HARD_INVERSION, SOFT_INVERSION, MODERATION])
@pytest.mark.parametrize("weight", [200.0, 2000.0])
def test_at_the_fixed_point_alpha_exceeds_the_bound_by_its_gradient_over_lambda(technique, weight):
    trace = run(QUIET, technique, constraint_weight=weight, alpha_step_size=0.02, epochs=400)
    excess, sure = trace.alpha[-1] - 2 * (1 - 0.95) / technique.beta, trace.margins > 0
    np.testing.assert_allclose(excess[sure], trace.margins[sure] / weight, rtol=0.01, atol=1e-5)


def test_alphas_of_other_images_are_refused():
    with pytest.raises(ValueError, match="3 entries and the population 5 images"):
        simulate(AdaptiveAlpha(3, HARD_INVERSION), Population(images=5))
